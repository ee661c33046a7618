// node scripts/board-screenshot.mjs: takes the pictures of the departure board that stand in README, in docs/board-light.png and board-dark.png.
// Needs what was built, a Chromium (CHROME_PATH, else /usr/bin/chromium), and pngquant for pictures of a quarter of the size.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';

const root = join(import.meta.dirname, '..');
const SEEN = 3000; // flights, then there is something on the board

const port = await freePort();
const demo = spawn(
  process.execPath,
  [join(root, 'examples/flights/dist/demo.js'), '--seconds', '60', '--board', `${port}`],
  {
    stdio: ['ignore', 'ignore', 'inherit'],
  },
);
const browser = await puppeteer.launch({
  executablePath: process.env.CHROME_PATH ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  const page = await browser.newPage();
  await page.setViewport({ width: 1200, height: 820 });
  for (let tries = 0; ; tries += 1) {
    const opened = await page.goto(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (opened?.ok()) break;
    if (tries > 60) throw new Error('The board does not come.');
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  await page.waitForFunction(`Number(document.getElementById('departed').textContent.replace(',', '')) > ${SEEN}`, {
    timeout: 60_000,
  });
  for (const scheme of ['light', 'dark']) {
    await page.emulateMediaFeatures([
      { name: 'prefers-color-scheme', value: scheme },
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ]);
    const path = join(root, `docs/board-${scheme}.png`);
    await page.screenshot({ path });
    spawnSync('pngquant', ['--force', '--speed', '1', '--strip', '--ext', '.png', '96', path], { stdio: 'inherit' });
  }
} finally {
  await browser.close();
  demo.kill();
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
