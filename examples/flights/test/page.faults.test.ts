import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AirportTraffic, BoardView } from '../src/board.js';
import { PageScreen } from '../src/page-screen.js';
import { readAirports, readFlights } from '../src/records.js';
import { findChromium } from './chromium.js';

// The departure board in a real browser. What runs there is written as text where it needs the browser's globals: the other tests are not to
// know them.

const executablePath = findChromium();
if (executablePath === undefined)
  console.warn('The page of the board is not tested: there is no Chromium. CHROME_PATH may name one.');

const flights = readFlights();
const airports = readAirports();
const HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>';

/** The board after so many flights. */
function viewAfter(count: number): BoardView {
  const departed = flights.slice(0, count);
  const long = departed.filter(({ delayMinutes }) => delayMinutes >= 60);
  const traffic = new Map<string, AirportTraffic>();
  const add = (code: string, departures: number, delayed: number) => {
    const before = traffic.get(code) ?? { departures: 0, delayed: 0 };
    const airport = code === 'LAX' ? { ...airports.get(code)!, name: HOSTILE, city: HOSTILE } : airports.get(code);
    traffic.set(code, { airport, departures: before.departures + departures, delayed: before.delayed + delayed });
  };
  for (const { origin, destination, delayMinutes } of departed) {
    add(origin, 1, delayMinutes >= 60 ? 1 : 0);
    add(destination, 0, 0);
  }
  return {
    latest: departed.slice(-20).reverse(),
    longest: long
      .sort((a, b) => b.delayMinutes - a.delayMinutes)
      .slice(0, 8)
      .map((flight) => ({ ...flight, originCity: '', destinationCity: '' })),
    delayed: new Set(long.map(({ flight }) => flight)),
    departures: count,
    airports: traffic,
  };
}

describe.skipIf(executablePath === undefined)('the page of the board', { timeout: 90_000 }, () => {
  let browser: Browser;
  let screen: PageScreen;
  let page: Page;
  let complaints: string[];
  let requests: string[];

  beforeAll(async () => {
    // Where the tests run as root, and in containers, Chromium's own sandbox does not work.
    browser = await puppeteer.launch({
      executablePath: executablePath!,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    screen = await PageScreen.open({ port: 0, host: '127.0.0.1' });
    screen.show(viewAfter(300));
    page = await browser.newPage();
    complaints = [];
    requests = [];
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    page.on('pageerror', (error) => void complaints.push(String(error)));
    page.on('request', (request) => void requests.push(request.url()));
  });
  afterEach(async () => {
    await page.close();
    await screen.done();
  });

  const open = () => page.goto(screen.url, { waitUntil: 'domcontentloaded' });
  const text = (selector: string) => page.$eval(selector, (element) => element.textContent);
  const shows = (selector: string, expected: string) =>
    page.waitForFunction(
      `document.querySelector(${JSON.stringify(selector)})?.textContent === ${JSON.stringify(expected)}`,
    );
  /** Of the element that has the focus. */
  const focused = (expression: string) =>
    page.evaluate(`((element) => ${expression})(document.activeElement)`) as Promise<string>;

  it('shows what has departed, and what departs', async () => {
    await open();
    await shows('#departed', '300');
    expect(await text('#connection')).toBe('Live');
    expect(await text('#latest tr:first-child')).toMatch(
      /^\d\d:\d\d300[A-Z]{3} .+[A-Z]{3} .+(?:On time|\d+ min late)$/,
    );
    expect(await page.$$eval('#latest tr', (rows) => rows.length)).toBe(20);
    expect(await page.$$eval('#airports tr', (rows) => rows.length)).toBe(12);
    const dots = await page.$$eval('#dots circle', (circles) => circles.length);
    expect(dots).toBe(viewAfter(300).airports.size);
    screen.show(viewAfter(1234));
    await shows('#departed', '1,234');
    expect(await text('#latest tr:first-child th')).toBe('1234');
    expect(await page.$$eval('#latest tr', (rows) => rows.length)).toBe(20);
    expect(complaints).toEqual([]);
    expect(requests.filter((url) => !url.startsWith(screen.url))).toEqual([]);
  });

  it('shows what it is told as text, whatever that is', async () => {
    await open();
    await shows('#departed', '300');
    const city = await page.$$eval('#airports .city', (cells) => cells.map((cell) => cell.textContent));
    expect(city).toContain(HOSTILE);
    expect(await page.$$eval('#dots title', (titles) => titles.map((title) => title.textContent).join())).toContain(
      HOSTILE,
    );
    expect(await page.$$('img, body script')).toEqual([]);
    expect(await page.title()).toBe('Departures');
    expect(complaints).toEqual([]);
  });

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 360],
    ['dark', 320],
  ])('can be read by everybody: %s, %i wide', async (scheme, width) => {
    await page.emulateMediaFeatures([
      { name: 'prefers-color-scheme', value: scheme },
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ]);
    await page.setViewport({ width, height: 800 });
    await open();
    await shows('#departed', '300');
    screen.show(viewAfter(320));
    await shows('#departed', '320');
    expect(await page.evaluate("getComputedStyle(document.querySelector('#latest tr.new')).animationName")).toBe(
      'none',
    );
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    // Of a city there may be only the beginning. All else is there.
    const cutOff = `[...document.querySelectorAll('.flights :is(.code, .status, th, td:first-child)')].filter((each) => {
      const cell = each.closest('th, td');
      const range = new Range();
      range.selectNodeContents(each.querySelector('.text') ?? each);
      return range.getBoundingClientRect().right > cell.getBoundingClientRect().right;
    }).map((each) => each.textContent)`;
    expect(await page.evaluate(cutOff)).toEqual([]);
    await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8'));
    const { violations } = (await page.evaluate('axe.run()')) as AxeResults;
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join()}`)).toEqual([]);
  });

  it('is used with the keyboard', async () => {
    await open();
    await shows('#departed', '300');
    const reached: string[] = [];
    for (let time = 0; time < 6; time += 1) {
      await page.keyboard.press('Tab');
      reached.push(await focused('element.textContent.trim()'));
      expect(await focused('getComputedStyle(element).outlineStyle'), reached.at(-1)).toBe('solid');
    }
    const all = viewAfter(300).airports.size;
    expect(reached).toEqual([
      'Skip to the departures',
      'Pause',
      'Airport',
      'Departures',
      'Long delays',
      `Show all ${all} airports`,
    ]);
    await page.keyboard.press('Enter');
    expect(await page.$$eval('#airports tr', (rows) => rows.length)).toBe(all);
    expect(await page.$eval('#more', (button) => button.ariaExpanded)).toBe('true');
    await page.focus('th[data-sort=code] button');
    await page.keyboard.press('Space');
    expect(await page.$eval('th[data-sort=code]', (head) => head.ariaSort)).toBe('ascending');
    expect(await page.$$eval('th[aria-sort]', (heads) => heads.length)).toBe(1);
    const codes = await page.$$eval('#airports .code', (cells) => cells.map((cell) => cell.textContent));
    expect(codes).toEqual([...codes].sort());
    // What comes meanwhile takes the focus from nobody.
    screen.show(viewAfter(301));
    await shows('#departed', '301');
    expect(await focused('element.textContent')).toBe('Airport');
  });

  it('stands still when it is asked to, and goes on', async () => {
    await open();
    await shows('#departed', '300');
    await page.click('#pause');
    expect(await page.$eval('#pause', (button) => button.ariaPressed)).toBe('true');
    // A second stream shows when the page has been told.
    await page.evaluate(`new Promise((open) => {
      const events = new EventSource('events');
      events.addEventListener('snapshot', () => open());
      globalThis.told = new Promise((told) => events.addEventListener('update', told));
    })`);
    screen.show(viewAfter(310));
    await page.evaluate('told.then(() => new Promise(requestAnimationFrame)).then(() => {})');
    expect(await text('#departed')).toBe('300');
    await page.click('#pause');
    await shows('#departed', '310');
  });

  it('tells screen readers what is new in a sentence, and not often', async () => {
    // The page's own clock can be put forward.
    await page.evaluateOnNewDocument(`
      const now = performance.now.bind(performance);
      performance.now = () => now() + Number(document.documentElement.dataset.ahead ?? 0);
    `);
    await open();
    await shows('#departed', '300');
    expect(await text('#news')).toBe('');
    await page.evaluate("document.documentElement.dataset.ahead = '30000'");
    screen.show(viewAfter(301));
    await shows('#departed', '301');
    const news = await text('#news');
    expect(news).toMatch(
      /^301 flights have departed\. \d+ new long delays\. The longest so far: .+ to .+, \d+ minutes\.$/,
    );
    screen.show(viewAfter(600));
    await shows('#departed', '600');
    expect(await text('#news')).toBe(news);
    expect(await page.$$eval('[aria-live], [role=status]', (places) => places.map(({ id }) => id))).toEqual([
      'connection',
      'news',
    ]);
  });

  it('comes back by itself, with all that is known then', async () => {
    await open();
    await shows('#departed', '300');
    const { port } = new URL(screen.url);
    await screen.done();
    await shows('#connection', 'Reconnecting');
    screen = await PageScreen.open({ port: Number(port), host: '127.0.0.1' });
    screen.show(viewAfter(7));
    await shows('#connection', 'Live');
    await shows('#departed', '7');
    expect(await page.$$eval('#latest tr', (rows) => rows.length)).toBe(7);
    expect(await page.$$eval('#dots circle', (dots) => dots.length)).toBe(viewAfter(7).airports.size);
  });
});
