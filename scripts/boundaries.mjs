// Each package imports only from those above it (the table in ARCHITECTURE.md), and says so in its package.json and tsconfig.json.
//
//   node scripts/boundaries.mjs          lists what breaks a rule, with the reason, and exits with 1
//   --root <folder>                      another project than this one
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { importsOf } from './imports-of.mjs';

/**
 * The rooms of the house, from the ground up. `may`: packages; `node`: modules of Node; `globals`: names that may not appear;
 * `only`: a package that may be imported in one folder only; `typesOf`: a package of which only the types may be imported.
 */
const noProcess = {
  process: 'Only runtime touches process: everything else gets what it needs through options, and can be tested.',
};
const nodeGlobals = Object.fromEntries(
  ['Buffer', 'setImmediate', 'clearImmediate', 'global', 'require', '__dirname', '__filename', 'NodeJS'].map((name) => [
    name,
    `${name} exists only in Node, and contracts run in a browser.`,
  ]),
);
const rooms = {
  'packages/contracts': {
    may: [],
    typesOf: ['@standard-schema/spec'],
    node: false,
    globals: { ...noProcess, ...nodeGlobals },
    why: 'Contracts are shared with browsers: they know no package but the types of Standard Schema, and nothing of Node.',
  },
  'packages/core': {
    may: ['@belfry/contracts'],
    only: { vitest: 'src/conformance' },
    globals: noProcess,
    why: 'Core knows contracts and Node. Transports, containers, loggers and configuration depend on core, never the other way round.',
  },
  'packages/redis': {
    may: ['@belfry/contracts', '@belfry/core', 'ioredis', 'cluster-key-slot'],
    globals: noProcess,
    why: 'The Redis transport stands on core, and only it talks to Redis. Handlers and runtime stay usable with other transports.',
  },
  'packages/handlers': {
    may: ['@belfry/contracts', '@belfry/core', 'inversify', 'reflect-metadata'],
    globals: noProcess,
    why: 'Handlers record metadata and bind it to any bus: they know no transport and no runtime.',
  },
  'packages/runtime': {
    may: [
      '@belfry/contracts',
      '@belfry/core',
      '@belfry/redis',
      '@belfry/handlers',
      'inversify',
      'pino',
      'pino-pretty',
      'prom-client',
    ],
    why: 'The runtime puts the packages above together, and owns logging and signals. What it needs beyond them belongs into one of them.',
  },
  'packages/testing': {
    may: [
      '@belfry/contracts',
      '@belfry/core',
      '@belfry/redis',
      '@belfry/handlers',
      '@belfry/runtime',
      'inversify',
      'testcontainers',
    ],
    only: { vitest: 'src/vitest' },
    why: 'The test tools stand on the packages above; a service never ships them.',
  },
  'packages/create-belfry': {
    may: [],
    why: 'It is downloaded to be run once: what it depends on would be downloaded, too.',
  },
  'packages/belfry': {
    may: [
      '@belfry/contracts',
      '@belfry/core',
      '@belfry/redis',
      '@belfry/handlers',
      '@belfry/runtime',
      '@belfry/testing',
      'inversify',
      'reflect-metadata',
    ],
    globals: noProcess,
    why: 'The package that applications install only re-exports what the others offer.',
  },
};
const example = {
  may: ['belfry', 'zod'],
  why: 'An example is what a user would write: belfry, zod and Node, and nothing of its insides.',
};
/** What one example needs beside that. */
const exampleExtras = {
  // Reads what was committed in Redis; redraws the departure board in place.
  'examples/flights': ['ioredis', 'log-update'],
};

/**
 * Tests may use tools that nobody ships: what the root declares, the test harness, and a plain client to look at Redis with. They do not
 * declare @belfry/testing: it depends on what they test, and turbo builds no circle.
 */
const testTools = ['@belfry/testing', 'ioredis'];

const { values } = parseArgs({ options: { root: { type: 'string' } } });
const root = resolve(values.root ?? join(import.meta.dirname, '..'));
const offences = [];
const offend = (place, what, why) => offences.push(`${place} ${what}\n    ${why}`);

const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const unixPath = (path) => path.replaceAll('\\', '/');
/** The folders right in a folder. */
const foldersIn = (folder) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => `${folder}/${name}`)
        .sort()
    : [];
/** The files anywhere in a folder. */
const filesIn = (folder) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true })
        .map((path) => `${folder}/${unixPath(path)}`)
        .sort()
    : [];

/** `@belfry/core/memory` is of the package `@belfry/core`. */
const packageOf = (specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
const isNode = (specifier) => specifier.startsWith('node:');

const workspaces = [...foldersIn('packages'), ...foldersIn('examples')].filter((folder) =>
  existsSync(join(root, folder, 'package.json')),
);
const house = workspaces.map((folder) => {
  const path = `${folder}/package.json`;
  const room = folder.startsWith('examples/') ? exampleRoom(folder) : rooms[folder];
  if (room === undefined)
    offend(
      path,
      'is in no room of the house.',
      'Give it one: in scripts/boundaries.mjs, and in the table of ARCHITECTURE.md.',
    );
  return { folder, manifest: read(path), room: room ?? { may: [], why: 'It is in no room of the house.' } };
});
const byName = new Map(house.map((member) => [member.manifest.name, member]));
const devTools = existsSync(join(root, 'package.json')) ? Object.keys(read('package.json').devDependencies ?? {}) : [];

let files = 0;
for (const member of house) {
  const imported = checkFiles(member);
  checkManifest(member, imported);
  checkReferences(member, imported);
}
checkRootReferences();

if (offences.length > 0) {
  console.error(`${offences.join('\n')}\n\nboundaries: ${offences.length} offences in ${files} files.`);
  process.exitCode = 1;
} else {
  console.log(`boundaries: ${files} files of ${house.length} packages and examples keep to their rooms.`);
}

function exampleRoom(folder) {
  return { ...example, may: [...example.may, ...(exampleExtras[folder] ?? [])] };
}

/** Checks every file of a package. Returns what its shipped files import: package names, each with the first place. */
function checkFiles(member) {
  const { folder, room } = member;
  const imported = new Map();
  const graph = new Map();
  const sources = [...filesIn(`${folder}/src`), ...filesIn(`${folder}/test`)];
  for (const path of sources.filter((path) => /\.[cm]?[jt]s$/.test(path) && !path.includes('/node_modules/'))) {
    files++;
    const isTest = /\.test(-d)?\.[cm]?[jt]s$/.test(path) || path.startsWith(`${folder}/test/`);
    const { imports, globals } = readImports(path);
    for (const { specifier, typeOnly, line } of imports) {
      const place = `${path}:${line}`;
      if (specifier === undefined) {
        if (!isTest)
          offend(
            place,
            'imports something that is only known at run time.',
            'Nobody can check it: write the name out.',
          );
      } else if (specifier.startsWith('.')) {
        const target = checkRelative(member, path, place, specifier, isTest);
        if (target !== undefined && !typeOnly && !isTest) graph.set(path, [...(graph.get(path) ?? []), target]);
      } else {
        checkPackage(member, path, place, specifier, typeOnly, isTest);
        if (!isTest && !isNode(specifier) && !imported.has(packageOf(specifier)))
          imported.set(packageOf(specifier), place);
      }
    }
    if (!isTest) {
      for (const { name, line } of globals) {
        const why = Object.hasOwn(room.globals ?? {}, name) && room.globals[name];
        if (why) offend(`${path}:${line}`, `uses ${name}.`, why);
      }
    }
  }
  for (const cycle of cyclesOf(graph)) {
    offend(
      cycle[0],
      `is part of a circle: ${cycle.map((path) => relative(folder, path)).join(' → ')}.`,
      'Which of them is there first depends on who imports them first: move what both need into a file of its own, or import types only.',
    );
  }
  return imported;
}

function readImports(path) {
  try {
    return importsOf(readFileSync(join(root, path), 'utf8'), path);
  } catch (error) {
    offend(path, 'cannot be read.', error.message.split('\n', 1)[0]);
    return { imports: [], globals: [] };
  }
}

/** The file that a relative import means, if it is one of the same package. */
function checkRelative({ folder }, path, place, specifier, isTest) {
  const target = unixPath(normalize(join(dirname(path), specifier)));
  const home = isTest ? folder : `${folder}/src`;
  if (!target.startsWith(`${home}/`)) {
    // A package may read its own package.json, for its version.
    if (target === `${folder}/package.json`) return undefined;
    offend(
      place,
      `imports ${specifier}, out of ${home}.`,
      'Another package is imported by its name, through the entry points that it publishes: only those keep their shape.',
    );
    return undefined;
  }
  const stem = target.replace(/\.[cm]?js$/, '');
  return [target, `${stem}.ts`, `${stem}.mts`, `${stem}/index.ts`].find(
    (file) => /\.[cm]?[jt]s$/.test(file) && existsSync(join(root, file)),
  );
}

function checkPackage(member, path, place, specifier, typeOnly, isTest) {
  const { folder, manifest, room } = member;
  if (isNode(specifier)) {
    if (isTest) return;
    if (room.node === false) offend(place, `imports ${specifier}.`, room.why);
    else if (specifier === 'node:process' && room.globals?.process)
      offend(place, `imports ${specifier}.`, room.globals.process);
    return;
  }
  const name = packageOf(specifier);
  const target = byName.get(name);
  if (target !== undefined && specifier !== name && !publishes(target.manifest, `.${specifier.slice(name.length)}`)) {
    offend(
      place,
      `imports ${specifier}, which ${name} does not publish.`,
      `Its entry points are ${Object.keys(target.manifest.exports ?? {}).join(', ')}: what lies deeper may change any day.`,
    );
  }
  if (name === manifest.name) {
    if (!isTest)
      offend(
        place,
        `imports its own package ${name}.`,
        'Inside a package, import the file itself: else the package waits for itself.',
      );
    return;
  }
  if (room.may.includes(name)) return;
  if (room.typesOf?.includes(name)) {
    if (!typeOnly && !isTest) offend(place, `imports more than types of ${name}.`, `Write import type. ${room.why}`);
    return;
  }
  const only = room.only?.[name];
  if (only !== undefined && path.startsWith(`${folder}/${only}/`)) return;
  if (isTest && (testTools.includes(name) || devTools.includes(name))) return;
  offend(
    place,
    `imports ${specifier}.`,
    only === undefined ? room.why : `${name} may be imported in ${only} only. ${room.why}`,
  );
}

function publishes({ exports = {} }, entry) {
  return Object.keys(exports).some((key) => {
    const [before, after] = key.split('*');
    return after === undefined ? key === entry : entry.startsWith(before) && entry.endsWith(after);
  });
}

/** What is imported is declared, and what is declared is imported. */
function checkManifest({ folder, manifest }, imported) {
  const place = `${folder}/package.json`;
  const declared = new Set([
    ...Object.keys(manifest.dependencies ?? {}),
    ...Object.keys(manifest.peerDependencies ?? {}),
  ]);
  for (const [name, where] of imported) {
    if (name !== manifest.name && !declared.has(name))
      offend(
        place,
        `does not declare ${name}.`,
        `${where} imports it: without a line in dependencies it is there only by chance.`,
      );
  }
  for (const name of declared) {
    if (!imported.has(name))
      offend(place, `declares ${name}.`, 'Nothing that is shipped imports it: everybody would install it for nothing.');
  }
}

/** tsc -b builds in the order of the references: they must be what is imported. */
function checkReferences({ folder, manifest }, imported) {
  const place = `${folder}/tsconfig.json`;
  if (!existsSync(join(root, place))) {
    offend(
      place,
      'is missing.',
      'Every package is a project of its own, so that tsc -b builds it after what it needs.',
    );
    return;
  }
  const referred = new Set((read(place).references ?? []).map(({ path }) => unixPath(join(folder, path))));
  const needed = new Set();
  for (const name of imported.keys()) {
    const target = byName.get(name);
    if (target !== undefined && name !== manifest.name) needed.add(target.folder);
  }
  for (const target of needed) {
    if (!referred.has(target))
      offend(
        place,
        `has no reference to ${target}.`,
        'It is imported: without the reference tsc -b may build it too late, or not at all.',
      );
  }
  for (const target of referred) {
    if (!needed.has(target))
      offend(place, `refers to ${target}.`, 'It is not imported: the build waits for it in vain.');
  }
}

function checkRootReferences() {
  if (!existsSync(join(root, 'tsconfig.json'))) return;
  const referred = new Set((read('tsconfig.json').references ?? []).map(({ path }) => unixPath(normalize(path))));
  for (const { folder } of house) {
    if (!referred.has(folder))
      offend('tsconfig.json', `has no reference to ${folder}.`, 'An editor and tsc -b at the root would not see it.');
  }
}

/** One circle for every group of files that import each other. */
function cyclesOf(graph) {
  const cycles = [];
  const done = new Set();
  const path = [];
  const visit = (file) => {
    const start = path.indexOf(file);
    if (start !== -1) {
      cycles.push([...path.slice(start), file]);
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return cycles;
}
