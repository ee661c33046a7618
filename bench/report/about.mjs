// What a result depends on: the machine's kind, and the versions of everything that was measured. Never whose machine it is.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';

export function machine() {
  const [{ model }] = cpus();
  return {
    cores: cpus().length,
    cpu: model.trim(),
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: systemName(),
  };
}

function systemName() {
  if (!existsSync('/etc/os-release')) return process.platform;
  return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))[1];
}

const peers = {
  variants: ['belfry', 'ioredis', 'redis', '@nestjs/microservices', '@nats-io/transport-node', 'bullmq', 'zod'],
  'variants/moleculer': ['moleculer', '@moleculer/channels'],
};

export function versions(servers) {
  const own = Object.entries(peers).flatMap(([folder, names]) =>
    names.map((name) => [name === 'redis' ? 'node-redis' : name, versionOf(name, folder)]),
  );
  return { node: process.versions.node, ...servers, ...Object.fromEntries(own) };
}

/** From the package.json that a module of that folder would get. */
function versionOf(name, folder) {
  const { resolve } = createRequire(new URL(`../${folder}/package.json`, import.meta.url));
  for (const path of resolve.paths(name)) {
    const file = join(path, name, 'package.json');
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')).version;
  }
  throw new Error(`${name} is not installed: run npm ci in ${dirname(folder)}`);
}
