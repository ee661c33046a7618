// The departure board in a browser. It is told everything when it connects, and then what changes; and it draws what it knows. Whatever
// comes is only ever set as a text or an attribute, so that nothing in it can become a part of the page.

const SHOWN_AIRPORTS = 12;
const ON_TIME_MINUTES = 15; // says the Bureau of Transportation Statistics
const NEWS_MS = 20_000;
const RETRY_MS = 5000;
const ROUTES = 14;

const byId = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat('en-US');

/** What is known. */
const board = { departures: 0, delayed: 0, latest: [], longest: [], airports: new Map() };
/** What the reader has asked for. */
const wishes = { paused: false, sort: 'departures', ascending: false, all: false };

// ── What comes ──

function connect() {
  const events = new EventSource('events');
  events.addEventListener('open', () => tellConnection('live', 'Live'));
  events.addEventListener('snapshot', ({ data }) => {
    board.airports.clear();
    learn(JSON.parse(data));
  });
  events.addEventListener('update', ({ data }) => learn(JSON.parse(data)));
  events.addEventListener('error', () => {
    tellConnection('waiting', 'Reconnecting');
    // It tries again by itself after an interruption, but not when it was refused.
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS);
  });
}

function learn({ airports, ...figures }) {
  Object.assign(board, figures);
  for (const airport of airports) board.airports.set(airport.code, airport);
  tellNews();
  if (!wishes.paused) draw();
}

function tellConnection(state, text) {
  const connection = byId('connection');
  if (connection.dataset.state === state) return; // said once, however often it tries
  connection.dataset.state = state;
  connection.textContent = text;
}

const told = { at: performance.now(), delayed: 0 };

/** For screen readers: a sentence, and not often. */
function tellNews() {
  const now = performance.now();
  if (wishes.paused || now - told.at < NEWS_MS) return;
  const more = board.delayed - told.delayed;
  const worst = board.longest[0];
  const delays = more > 0 ? ` ${more} new long ${more === 1 ? 'delay' : 'delays'}.` : '';
  const record =
    more > 0 && worst
      ? ` The longest so far: ${cityOf(worst.origin)} to ${cityOf(worst.destination)}, ${worst.delayMinutes} minutes.`
      : '';
  byId('news').textContent = `${numbers.format(board.departures)} flights have departed.${delays}${record}`;
  Object.assign(told, { at: now, delayed: board.delayed });
}

// ── What is seen ──

let isDrawing = false;

/** At the browser's next frame, once for all that has come. A page that is not seen has none, and so costs nothing. */
function draw() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    drawFigures();
    drawRows(byId('latest'), board.latest, keyOfFlight, departureCells, 'No flight has departed yet.');
    drawRows(byId('longest'), board.longest, keyOfFlight, delayCells, 'None so far.');
    drawAirports();
    drawMap();
  });
}

function drawFigures() {
  byId('departed').textContent = numbers.format(board.departures);
  byId('delayed').textContent = numbers.format(board.delayed);
  byId('airport-count').textContent = numbers.format(board.airports.size);
  const at = board.latest[0]?.departedAt;
  const clock = byId('clock');
  if (at === undefined || clock.dateTime === at) return;
  clock.dateTime = at;
  clock.textContent = `${dayOf(at, { weekday: 'long', month: 'long', year: 'numeric' })}, ${timeOf(at)}`;
}

const keyOfFlight = ({ flight }) => String(flight);

const departureCells = (flight) => [
  { text: timeOf(flight.departedAt) },
  { text: String(flight.flight), is: 'th', className: 'number' },
  ...routeCells(flight),
];

const delayCells = (flight) => [
  { text: dayOf(flight.departedAt, { month: 'short' }) },
  { text: String(flight.flight), is: 'th', className: 'number' },
  ...routeCells(flight),
];

const routeCells = (flight) => [
  { code: flight.origin, text: cityOf(flight.origin) },
  { code: flight.destination, text: cityOf(flight.destination) },
  { ...arrivalOf(flight), className: 'status', status: statusOf(flight) },
];

function drawAirports() {
  const { sort, ascending, all } = wishes;
  const direction = ascending ? 1 : -1;
  const order = (a, b) => (sort === 'code' ? (a.code < b.code ? -1 : 1) : a[sort] - b[sort]) * direction;
  const sorted = [...board.airports.values()].sort((a, b) => order(a, b) || (a.code < b.code ? -1 : 1));
  const shown = all ? sorted : sorted.slice(0, SHOWN_AIRPORTS);
  const cells = ({ code, departures, delayed }) => [
    { code, text: cityOf(code), is: 'th' },
    { text: numbers.format(departures), className: 'number' },
    { text: numbers.format(delayed), className: 'number' },
  ];
  drawRows(byId('airports'), shown, ({ code }) => code, cells, 'None so far.');
  const more = byId('more');
  more.hidden = sorted.length <= SHOWN_AIRPORTS;
  more.textContent = all ? `Show the first ${SHOWN_AIRPORTS} only` : `Show all ${sorted.length} airports`;
}

/** A row that stands there already is kept, and changed only where it differs: what a reader has selected stays selected. */
function drawRows(body, items, keyOf, cellsOf, ifNone) {
  const before = new Map(Array.from(body.rows, (row) => [row.dataset.key, row]));
  const isFirst = before.size === 0;
  const rows = items.map((item) => {
    const key = keyOf(item);
    const row = before.get(key) ?? newRow(key, !isFirst && !before.has(''));
    setCells(row, cellsOf(item));
    return row;
  });
  if (rows.length === 0) {
    const row = before.get('') ?? newRow('', false);
    setCells(row, [{ text: ifNone, className: 'waiting' }]);
    row.cells[0].colSpan = body.parentElement.tHead.rows[0].cells.length;
    rows.push(row);
  }
  const kept = new Set(rows);
  for (const row of before.values()) if (!kept.has(row)) row.remove();
  rows.forEach((row, index) => {
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  });
}

function newRow(key, isNew) {
  const row = document.createElement('tr');
  row.dataset.key = key;
  if (isNew) row.classList.add('new');
  return row;
}

function setCells(row, cells) {
  cells.forEach(({ text, code, is = 'td', className = '', status, word }, index) => {
    let cell = row.cells[index];
    if (cell === undefined) {
      cell = row.appendChild(document.createElement(is));
      if (is === 'th') cell.scope = 'row';
      cell.className = className;
      if (code !== undefined) cell.append(span('code'), ' ', span('city'));
      if (word !== undefined) cell.append(span('text'), span('word'));
    }
    if (status !== undefined && cell.dataset.status !== status) cell.dataset.status = status;
    // In one element, or in two that look different: a code and a city, or a number and a word.
    if (cell.childElementCount === 0) setText(cell, text);
    else {
      setText(cell.firstChild, code ?? text);
      setText(cell.lastChild, word ?? (text === code ? '' : text));
    }
  });
}

function span(className) {
  const element = document.createElement('span');
  element.className = className;
  return element;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// ── The map ──

const dots = new Map();

function drawMap() {
  const group = byId('dots');
  for (const [code, dot] of dots) {
    if (board.airports.has(code)) continue;
    dot.remove();
    dots.delete(code);
  }
  for (const airport of board.airports.values()) {
    if (airport.x === undefined) continue;
    const dot = dots.get(airport.code) ?? newDot(group, airport);
    const { departures, delayed } = airport;
    setAttributes(dot, {
      r: (2 + Math.sqrt(departures) * 0.9).toFixed(1),
      'data-level': levelOf(departures, delayed),
    });
    setText(dot.firstChild, `${airport.code} ${airport.name}: ${departures} departed, ${delayed} an hour late or more`);
  }
  drawRoutes();
}

function newDot(group, { code, x, y }) {
  const dot = group.appendChild(svg('circle'));
  setAttributes(dot, { cx: x, cy: y });
  dot.append(svg('title'));
  dots.set(code, dot);
  return dot;
}

function levelOf(departures, delayed) {
  if (delayed === 0) return 0;
  const share = delayed / Math.max(departures, delayed);
  return share < 0.05 ? 1 : share < 0.1 ? 2 : 3;
}

/** Where the newest flights go: one after the other, each in a bow. */
function drawRoutes() {
  const group = byId('routes');
  const routes = board.latest.slice(0, ROUTES).flatMap((flight) => {
    const from = board.airports.get(flight.origin);
    const to = board.airports.get(flight.destination);
    return from?.x === undefined || to?.x === undefined ? [] : [{ from, to, status: statusOf(flight) }];
  });
  while (group.childElementCount > routes.length) group.lastChild.remove();
  routes.forEach(({ from, to, status }, index) => {
    const path = group.children[index] ?? group.appendChild(svg('path'));
    const bow = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 - Math.hypot(to.x - from.x, to.y - from.y) / 6 };
    setAttributes(path, { d: `M${from.x} ${from.y}Q${bow.x} ${bow.y} ${to.x} ${to.y}`, 'data-status': status });
  });
}

const svg = (name) => document.createElementNS('http://www.w3.org/2000/svg', name);

function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
}

// ── In words ──

const cityOf = (code) => board.airports.get(code)?.city ?? code;

const timeOf = (at) => at.slice(11);

// Times are local to each airport: read and shown as UTC, they stay as they are.
const dayOf = (at, parts) =>
  new Date(`${at}Z`).toLocaleDateString('en-US', { ...parts, day: 'numeric', timeZone: 'UTC' });

const statusOf = ({ delayMinutes, isLongDelay }) =>
  isLongDelay ? 'long' : delayMinutes < ON_TIME_MINUTES ? 'good' : 'late';

function arrivalOf({ delayMinutes, isLongDelay }) {
  if (!isLongDelay && delayMinutes < ON_TIME_MINUTES) return { text: 'On time', word: '' };
  return { text: `${delayMinutes} min`, word: ' late' };
}

// ── What the reader does ──

byId('pause').addEventListener('click', ({ currentTarget }) => {
  wishes.paused = !wishes.paused;
  currentTarget.setAttribute('aria-pressed', wishes.paused);
  if (!wishes.paused) draw();
});

byId('more').addEventListener('click', ({ currentTarget }) => {
  wishes.all = !wishes.all;
  currentTarget.setAttribute('aria-expanded', wishes.all);
  drawAirports();
});

for (const head of document.querySelectorAll('th[data-sort]')) {
  head.querySelector('button').addEventListener('click', () => {
    const { sort } = head.dataset;
    // Names from the beginning, figures from the largest; the same again turns it round.
    wishes.ascending = wishes.sort === sort ? !wishes.ascending : sort === 'code';
    wishes.sort = sort;
    for (const other of document.querySelectorAll('th[aria-sort]')) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', wishes.ascending ? 'ascending' : 'descending');
    drawAirports();
  });
}

// A row that is moved would arrive again.
byId('main').addEventListener('animationend', ({ target }) => target.classList.remove('new'));

draw();
connect();
