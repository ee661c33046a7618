import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Diary, DiaryReader } from './diary.js';

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'belfry-diary-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'diary');
}

it('reads what has been written since it was read last, before there is anything and after', () => {
  const path = newPath();
  const reader = new DiaryReader(path);
  expect([...reader.read()]).toEqual([]);
  const diary = new Diary(path);
  diary.write({ what: 'health', rss: 1 });
  diary.write({ what: 'ready' });
  expect([...reader.read()]).toMatchObject([{ what: 'health', rss: 1 }, { what: 'ready' }]);
  diary.write({ what: 'end' });
  expect([...reader.read()]).toEqual([{ what: 'end', at: expect.any(Number) }]);
});

it('waits for the rest of a line', () => {
  const path = newPath();
  const reader = new DiaryReader(path);
  new Diary(path).write({ what: 'ready' });
  appendFileSync(path, '{"what":"res');
  expect([...reader.read()]).toMatchObject([{ what: 'ready' }]);
  appendFileSync(path, 'umed"}\n');
  expect([...reader.read()]).toEqual([{ what: 'resumed' }]);
});

it('reads more than fits into its buffer', () => {
  const path = newPath();
  const diary = new Diary(path);
  for (let n = 0; n < 10_000; n++) diary.write({ what: 'health', rss: n });
  expect([...new DiaryReader(path).read()].map((line) => 'rss' in line && line.rss)).toEqual(
    Array.from({ length: 10_000 }, (_, n) => n),
  );
});
