// The plot of the docs: ratios as bars, a panel per case. Its colours can be read on white and on black.
import { measures } from './measures.mjs';

const panels = ['events-burst', 'requests-256', 'durable', 'latency'];
const [WIDTH, LABELS, VALUES, BAR, GAP, HEAD] = [420, 160, 70, 16, 6, 44];
const ink = '#7d8590';
const colours = { Belfry: '#2f81f7', other: '#8b949e', control: ink };

/** @returns an SVG picture */
export function plot({ cases, date }) {
  const chosen = panels.map((name) => cases.find((one) => one.name === name));
  const heights = chosen.map(({ variants }) => HEAD + variants.length * (BAR + GAP) + 24);
  const rowHeights = [Math.max(heights[0], heights[1]), Math.max(heights[2], heights[3])];
  const [width, height] = [2 * WIDTH + 24, rowHeights[0] + rowHeights[1] + 20];
  const drawn = chosen.map((one, at) => {
    const [x, y] = [(at % 2) * (WIDTH + 24), at < 2 ? 0 : rowHeights[0]];
    return `<g transform="translate(${x} ${y})">\n${panel(one)}\n</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="${ink}" role="img" aria-label="Ratios to what is written by hand">
${drawn.join('\n')}
<text x="${width}" y="${height - 6}" text-anchor="end" font-size="10">npm run bench, ${date}</text>
</svg>
`;
}

function panel({ title, measure, variants }) {
  const longest = Math.max(...variants.map(({ ratio }) => ratio.median), 1);
  const length = (ratio) => (ratio / longest) * (WIDTH - LABELS - VALUES);
  const bars = variants.map(({ title, ratio }, at) => {
    const y = HEAD + at * (BAR + GAP);
    const colour = title.startsWith('Belfry') ? colours.Belfry : at === 0 ? colours.control : colours.other;
    const weight = title.startsWith('Belfry') ? ' font-weight="600"' : '';
    const [from, to] = [ratio.min, Math.min(ratio.max, longest * 1.15)].map((one) => LABELS + length(one));
    return [
      `<text x="${LABELS - 8}" y="${y + 12}" text-anchor="end"${weight}>${escaped(title)}</text>`,
      `<rect x="${LABELS}" y="${y}" width="${length(ratio.median).toFixed(1)}" height="${BAR}" rx="2" fill="${colour}" fill-opacity="0.75"/>`,
      `<path d="M${from.toFixed(1)} ${y + BAR / 2}H${to.toFixed(1)}" stroke="${ink}" stroke-width="1.5"/>`,
      `<text x="${(Math.max(LABELS + length(ratio.median), to) + 6).toFixed(1)}" y="${y + 12}"${weight}>${ratio.median.toFixed(2)}</text>`,
    ].join('\n');
  });
  const one = (LABELS + length(1)).toFixed(1);
  const bottom = HEAD + variants.length * (BAR + GAP);
  return [
    `<text x="0" y="16" font-size="13" font-weight="600">${escaped(title)}</text>`,
    `<text x="0" y="33" font-size="11">ratio to the first line, ${measures[measure].better} is better</text>`,
    `<path d="M${one} ${HEAD - 4}V${bottom}" stroke="${ink}" stroke-dasharray="3 3"/>`,
    ...bars,
  ].join('\n');
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
