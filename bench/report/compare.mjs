import { markdownTable } from './tables.mjs';

/** What changed since an earlier run, as a Markdown table. The ratio is compared: both runs had a control beside them. */
export function comparison(before, after) {
  const rows = after.cases.flatMap((theCase) => {
    const earlier = before.cases.find(({ name }) => name === theCase.name);
    return theCase.variants.slice(1).flatMap((variant) => {
      const was = earlier?.variants.find(({ title }) => title === variant.title);
      return was ? [row(theCase, was, variant)] : [];
    });
  });
  const head = ['case', 'variant', 'ratio before', 'now', 'change', ''];
  const title = `Change since ${before.date}; † the ranges of both runs do not meet`;
  return `${title}\n\n${markdownTable(head, rows)}`;
}

function row({ name }, was, is) {
  const change = (is.ratio.median / was.ratio.median - 1) * 100;
  const apart = is.ratio.min > was.ratio.max || is.ratio.max < was.ratio.min;
  const percent = `${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(0)} %`;
  return [name, is.title, was.ratio.median.toFixed(2), is.ratio.median.toFixed(2), percent, apart ? '†' : ''];
}
