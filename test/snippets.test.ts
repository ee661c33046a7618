import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const script = fileURLToPath(new URL('../scripts/snippets.mjs', import.meta.url));

function snippets(...args: string[]): { problems: string[]; exitCode: number | null } {
  const { stderr, status } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
  const problems = stderr.split('\n').filter((line) => line !== '' && !line.includes('--write'));
  return { problems, exitCode: status };
}

/** A project of these files, deleted after the test. */
function project(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'belfry-snippets-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const fence = (snippet: string, language: string, ...code: string[]) =>
  `${snippet}\n\`\`\`${language}\n${code.map((line) => `${line}\n`).join('')}\`\`\`\n`;

const clock = `import { now } from 'clock';

export class Clock {
  // #region tick
  tick() {
    // #region inner
    now();
    // #endregion

    return 1;
  }
  // #endregion tick
}
`;

describe('snippets', () => {
  it('passes pages whose snippets equal their files', () => {
    const root = project({
      'src/clock.ts': clock,
      'src/one.py': 'import redis\n\n# region one\nif redis:\n    print(1)\n# endregion\n',
      'src/one.sh': '# region go\nredis-cli PING\n# endregion\n',
      'README.md': [
        '# Clocks',
        fence(
          '<!-- snippet: src/clock.ts -->',
          'ts',
          "import { now } from 'clock';",
          '',
          'export class Clock {',
          '  tick() {',
          '    now();',
          '',
          '    return 1;',
          '  }',
          '}',
        ),
        fence('<!-- snippet: src/clock.ts#inner -->', 'ts', 'now();'),
      ].join('\n'),
      'docs/deep/page.md': [
        fence('<!-- snippet: src/clock.ts#tick -->', 'ts', 'tick() {', '  now();', '', '  return 1;', '}'),
        fence('<!-- snippet: src/one.py#one -->', 'python', 'if redis:', '    print(1)'),
        fence('<!-- snippet: src/one.sh#go -->', 'sh', 'redis-cli PING'),
        '1. In a list:\n\n   <!-- snippet: src/clock.ts#inner -->\n   ```ts\n   now();\n   ```\n',
      ].join('\n'),
    });

    expect(snippets('--root', root)).toEqual({ problems: [], exitCode: 0 });
  });

  it('lists every stale line, and brings the page up to date with --write', () => {
    const stale = `Before\n${fence('<!-- snippet: src/clock.ts#inner -->', 'ts', 'now(1);')}Between\n${fence('<!-- snippet: src/clock.ts#tick -->', 'ts', 'tick() {')}After\n`;
    const root = project({ 'src/clock.ts': clock, 'docs/page.md': stale, 'ARCHITECTURE.md': stale });

    expect(snippets('--root', root)).toEqual({
      problems: [
        'ARCHITECTURE.md:4: differs from src/clock.ts#inner (there: now();)',
        'ARCHITECTURE.md:10: differs from src/clock.ts#tick (there: now();)',
        'docs/page.md:4: differs from src/clock.ts#inner (there: now();)',
        'docs/page.md:10: differs from src/clock.ts#tick (there: now();)',
      ],
      exitCode: 1,
    });
    expect(snippets('--root', root, '--write')).toEqual({ problems: [], exitCode: 0 });
    expect(readFileSync(join(root, 'docs/page.md'), 'utf8')).toBe(
      `Before\n${fence('<!-- snippet: src/clock.ts#inner -->', 'ts', 'now();')}Between\n${fence('<!-- snippet: src/clock.ts#tick -->', 'ts', 'tick() {', '  now();', '', '  return 1;', '}')}After\n`,
    );
    expect(snippets('--root', root)).toEqual({ problems: [], exitCode: 0 });
  });

  it.each([
    ['a file that is not there', 'src/clocks.ts', 'there is no file src/clocks.ts'],
    ['a region that is not there', 'src/clock.ts#tock', 'there is no region tock in src/clock.ts'],
    ['a region that does not end', 'src/open.py#open', 'the region open in src/open.py does not end'],
    ['a region that is there twice', 'src/twice.ts#a', 'there are 2 regions a in src/twice.ts'],
  ])('names %s, and does not touch the page', (_, snippet, problem) => {
    const page = fence(`<!-- snippet: ${snippet} -->`, 'ts', 'now();');
    const root = project({
      'src/clock.ts': clock,
      'src/open.py': '# region open\nprint(1)\n',
      'src/twice.ts': '// #region a\n// #endregion\n// #region a\n// #endregion\n',
      'README.md': page,
    });

    expect(snippets('--root', root)).toEqual({ problems: [`README.md:1: ${problem}`], exitCode: 1 });
    expect(snippets('--root', root, '--write')).toEqual({ problems: [`README.md:1: ${problem}`], exitCode: 1 });
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toBe(page);
  });

  it('refuses code without a snippet line in README.md and docs/, unless the page says why', () => {
    const page = [
      fence('', 'ts', 'now();'),
      fence('<!-- no snippet: a sketch of what comes later -->', 'js', 'now();'),
      fence('<!-- no snippet: -->', 'python', 'print(1)'),
      fence('', 'json', '{}'),
      fence('', 'sh', 'ls'),
      fence('', 'md', '<!-- snippet: src/clocks.ts -->'),
    ].join('');
    const root = project({ 'README.md': page, 'docs/page.md': page, 'ARCHITECTURE.md': page });
    const advice = 'take it from a file that runs, or say <!-- no snippet: why -->';

    expect(snippets('--root', root)).toEqual({
      problems: ['README.md', 'docs/page.md'].flatMap((path) => [
        `${path}:2: this ts code is no snippet: ${advice}`,
        `${path}:10: this python code is no snippet: ${advice}`,
      ]),
      exitCode: 1,
    });
  });

  it('refuses a snippet line that no fence follows, or that is written wrongly', () => {
    const root = project({
      'README.md': '<!-- snippet: src/clock.ts -->\n\n```ts\n```\n<!-- snippet src/clock.ts -->\n```ts\n```\n',
    });

    expect(snippets('--root', root)).toEqual({
      problems: [
        'README.md:1: no fence follows on the next line',
        'README.md:3: this ts code is no snippet: take it from a file that runs, or say <!-- no snippet: why -->',
        'README.md:5: this is not <!-- snippet: path/from/root#region -->',
      ],
      exitCode: 1,
    });
  });
});

it("the project's own pages show code that runs", () => {
  expect(snippets()).toEqual({ problems: [], exitCode: 0 });
});
