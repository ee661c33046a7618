import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The project's cache folder: `node_modules/.cache/belfry` in the nearest folder at or above `from` whose package.json
 * has `workspaces`, else in the nearest one that has a package.json at all, else in `from` itself. Creates nothing.
 * @param from default: the current folder
 */
export function projectCacheDir(from: string = process.cwd()): string {
  const projects = foldersUpwards(from).filter((folder) => existsSync(join(folder, 'package.json')));
  const project = projects.find(isWorkspaceRoot) ?? projects[0] ?? from;
  return join(project, 'node_modules', '.cache', 'belfry');
}

function foldersUpwards(from: string): string[] {
  const parent = dirname(from);
  return parent === from ? [from] : [from, ...foldersUpwards(parent)];
}

function isWorkspaceRoot(folder: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return typeof manifest === 'object' && manifest !== null && 'workspaces' in manifest;
  } catch {
    return false; // unreadable or not JSON: not a project that we can use
  }
}
