import { allCpu, markdownTable } from './tables.mjs';

/** What changed since an earlier run, as a Markdown table. The ratio is compared: both runs had a control beside them. */
export function comparison(before, after) {
  const rows = after.cases.flatMap((theCase) => {
    const earlier = before.cases.find(({ name }) => name === theCase.name);
    return theCase.variants.slice(1).flatMap((variant) => {
      const was = earlier?.variants.find(({ title }) => title === variant.title);
      return was ? [row(theCase, was, variant)] : [];
    });
  });
  const head = ['case', 'variant', 'ratio before', 'now', 'change', '', 'CPU before, µs', 'now', 'change'];
  const title = `Change since ${before.date}; † the ranges of both runs do not meet`;
  return `${title}\n\n${markdownTable(head, rows)}`;
}

function row({ name }, was, is) {
  const apart = is.ratio.min > was.ratio.max || is.ratio.max < was.ratio.min;
  return [
    name,
    is.title,
    ...[was.ratio.median, is.ratio.median].map((ratio) => ratio.toFixed(2)),
    change(was.ratio.median, is.ratio.median),
    apart ? '†' : '',
    ...[was.cpu, is.cpu].map((cpu) => allCpu(cpu).toFixed(1)),
    change(allCpu(was.cpu), allCpu(is.cpu)),
  ];
}

function change(before, after) {
  const percent = Math.round((after / before - 1) * 100);
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent)} %`;
}
