import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const report = (name: string) => import(pathToFileURL(join(root, 'bench/report', `${name}.mjs`)).href);

it('docs/performance.md, its plot and the README tell what bench/results/latest.json says', () => {
  const { status, stderr } = spawnSync(process.execPath, ['bench/report/pages.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

const round = (perSecond: number, others = {}) => ({
  perSecond,
  lost: 0,
  cpu: { sender: 1, receiver: 2, server: 3 },
  latencies: [] as number[],
  ...others,
});
const events = {
  name: 'events',
  title: 'Events',
  measure: 'rate',
  unit: 'events/s',
  roles: ['publisher', 'subscriber'],
  variants: [{ title: 'by hand' }, { title: 'Belfry' }],
};

describe('what a run brought', () => {
  it('compares each round with the control of the same round, and takes the median', async () => {
    const { summarize } = await report('summary');
    const rounds = [
      [round(100), round(10), round(50)],
      [round(200), round(40), round(50)],
    ];
    const [, belfry] = summarize(events, rounds).variants;
    expect(belfry.ratio).toEqual({ median: 2, min: 1, max: 4 });
    expect(belfry.value).toEqual({ median: 50, min: 40, max: 200 });
  });

  it('takes the middle of each round’s latencies, and says that less is better', async () => {
    const { summarize } = await report('summary');
    const { caseTable } = await report('tables');
    const latency = { ...events, measure: 'latency' };
    const summary = summarize(latency, [
      [round(1, { latencies: [1, 2, 9] }), round(1, { latencies: [2, 2, 2] })],
      [round(1, { latencies: [1, 3, 5] }), round(1, { latencies: [1, 1, 1] })],
    ]);
    expect(summary.variants[1].ratio).toEqual({ median: 1, min: 0.5, max: 1.5 });
    expect(summary.variants[1].latency.p50).toBe(2);
    expect(caseTable(summary)).toContain('less is better');
  });

  it('tells what did not arrive, and has no column for it when everything did', async () => {
    const { summarize } = await report('summary');
    const { caseTable } = await report('tables');
    const whole = summarize(events, [[round(1)], [round(1)]]);
    const lossy = summarize(events, [[round(1)], [round(1, { lost: 1234 })]]);
    expect(caseTable(whole)).not.toContain('did not arrive');
    expect(caseTable(lossy)).toMatch(/did not arrive \|\n.*\n.*\| {2}\|\n.*\| \*\*1,234\*\* \|$/);
  });

  it('tells a change, and whether it is more than the noise of both runs', async () => {
    const { comparison } = await report('compare');
    const run = (median: number, min: number, max: number) => ({
      date: '2026-01-01',
      cases: [
        {
          name: 'events',
          variants: [
            { title: 'by hand' },
            { title: 'Belfry', ratio: { median, min, max }, cpu: { sender: median, server: 1 } },
          ],
        },
      ],
    });
    expect(comparison(run(2, 1.9, 2.1), run(3, 2.8, 3.2))).toContain(
      '| events | Belfry | 2.00 | 3.00 | +50 % | † | 3.0 | 4.0 | +33 % |',
    );
    expect(comparison(run(2, 1.5, 2.5), run(1.8, 1.4, 2.4))).toContain(
      '| events | Belfry | 2.00 | 1.80 | −10 % |  | 3.0 | 2.8 | −7 % |',
    );
  });

  it('fills what stands between markers, again and again, and nothing else', async () => {
    const { fillIn } = await report('pages');
    const results = {
      date: '2026-01-01',
      rounds: 7,
      machine: { cores: 2, cpu: 'a processor', memory: '4 GiB', system: 'Linux' },
      versions: { node: '20.19.0' },
    };
    const page = 'before\n<!-- results: about -->\nold\n<!-- /results -->\nafter\n';
    const filled = fillIn(page, results);
    expect(filled).toMatch(
      /^before\n<!-- results: about -->\n\nMeasured on 2026-01-01: .*2 cores[\s\S]*<!-- \/results -->\nafter\n$/,
    );
    expect(fillIn(filled, results)).toBe(filled);
  });
});
