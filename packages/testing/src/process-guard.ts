import { spawn } from 'node:child_process';
import { Socket } from 'node:net';

const onExit = new Set<() => void>();
let listening = false;

/** Watches over a child process until it is released. */
export interface ProcessGuard {
  /** Ends the watch. Does nothing the second time. */
  release(): void;
}

/**
 * Sees to it that a child process ends with this one and that its folder is removed: `clean` runs when this process
 * exits in an orderly way, and a small shell does the same when it is killed, which no handler in here could notice.
 */
export function guardProcess(pid: number | undefined, folder: string, clean: () => void): ProcessGuard {
  if (pid === undefined) return { release: () => undefined };
  if (!listening) process.on('exit', cleanAll);
  listening = true;
  onExit.add(clean);

  // The shell's input ends when the process that holds its other end does, for whatever reason.
  const script = 'read line; if [ -z "$line" ]; then kill -9 "$1"; rm -rf "$2"; fi';
  const shell = spawn('/bin/sh', ['-c', script, 'belfry-guard', String(pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // a Ctrl-C in the terminal must not end the guard before its work
  });
  shell.on('error', () => undefined); // no shell: the exit handler remains
  shell.stdin.on('error', () => undefined);
  shell.unref();
  if (shell.stdin instanceof Socket) shell.stdin.unref();

  return {
    release() {
      if (onExit.delete(clean)) shell.stdin.end('released\n');
    },
  };
}

function cleanAll(): void {
  for (const clean of onExit) clean();
}
