import { describe, expect, it } from 'vitest';
import { isClusterUrl, readClusterUrl, readNodes, translator } from './cluster-nodes.js';
import { resolveRedisOptions } from './options.js';

/** What is read, and what is wrong with it. */
const read = (url: string) => {
  const mistakes: string[] = [];
  return { ...readClusterUrl(url, mistakes), mistakes };
};

describe('the URL of a Cluster', () => {
  it.each([
    ['redis+cluster://h', true],
    ['rediss+cluster://h', true],
    ['redis://h', false],
    ['redis+cluster:h', false],
    [7, false],
  ])('is %j: %s', (url, isOne) => {
    expect(isClusterUrl(url)).toBe(isOne);
  });

  it('names nodes by host and port', () => {
    expect(read('redis+cluster://10.0.0.1:7000,node-2.example,[::1]:7001')).toEqual({
      seeds: [
        { host: '10.0.0.1', port: 7000 },
        { host: 'node-2.example', port: 6379 },
        { host: '::1', port: 7001 },
      ],
      login: {},
      mistakes: [],
    });
  });

  it.each([
    ['redis+cluster://app:secret@h', { username: 'app', password: 'secret' }],
    ['redis+cluster://:secret@h', { password: 'secret' }],
    ['redis+cluster://app@h', { username: 'app' }],
    ['redis+cluster://app:a:b@c/d?e#f@h', { username: 'app', password: 'a:b@c/d?e#f' }],
    ['redis+cluster://a%40b:%25%2F@h', { username: 'a@b', password: '%/' }],
    ['rediss+cluster://h', { tls: {} }],
  ])('%s says who one is', (url, login) => {
    expect(read(url)).toEqual({ seeds: [{ host: 'h', port: 6379 }], login, mistakes: [] });
  });

  it.each(['redis+cluster://h/', 'redis+cluster://h/0'])('may end in the only database there is: %s', (url) => {
    expect(read(url).mistakes).toEqual([]);
  });

  it.each([
    ['redis+cluster://', [/no host and port/]],
    ['redis+cluster://app:secret@', [/no host and port/]],
    ['redis+cluster://app:secret@h:1,', [/no host and port/]],
    ['redis+cluster://app:secret@h:x,h:70000,h:0', [/1. node/, /2. node/, /3. node/]],
    ['redis+cluster://app:secret@h:1/2', [/path or options/]],
    ['redis+cluster://app:secret@h?tls=1', [/path or options/]],
    ['redis+cluster://se%cret:%secret@h', [/%25/, /%25/]],
    ['redis+cluster://app:%secret@h:x/1', [/no host and port/, /path or options/, /%25/]],
  ])('says everything that is wrong with %s, but no secret', (url, expected) => {
    const { mistakes } = read(url);
    expect(mistakes).toHaveLength(expected.length);
    for (const [at, pattern] of expected.entries()) expect(mistakes[at]).toMatch(pattern);
    expect(mistakes.join()).not.toMatch(/secret|cret/);
    expect(() => resolveRedisOptions({ url })).toThrow(/^OPTION_INVALID: redisTransport: .*\burl /);
  });
});

describe('the option cluster', () => {
  it('names nodes, and where they are reached from here', () => {
    const { cluster, address } = resolveRedisOptions({
      cluster: {
        nodes: ['h1:1', 'h2'],
        natMap: { '172.20.0.3:6379': '127.0.0.1:7003', '[fd00::3]:7000': '[::1]:7', h3: 'h4' },
      },
    });
    expect(address).toBe('h1:1,h2:6379');
    expect(cluster?.seeds).toEqual([
      { host: 'h1', port: 1 },
      { host: 'h2', port: 6379 },
    ]);
    expect(cluster?.translate({ host: '172.20.0.3', port: 6379 })).toEqual({ host: '127.0.0.1', port: 7003 });
    expect(cluster?.translate({ host: 'fd00::3', port: 7000 })).toEqual({ host: '::1', port: 7 });
    expect(cluster?.translate({ host: 'h3', port: 6379 })).toEqual({ host: 'h4', port: 6379 });
    expect(cluster?.translate({ host: '172.20.0.3', port: 6380 })).toEqual({ host: '172.20.0.3', port: 6380 });
  });

  it.each([null, {}, { nodes: [] }, { nodes: 'h:1' }, { nodes: ['redis://h:1'] }, { nodes: ['h:1', 7] }])(
    'must name them: %j',
    (cluster) => {
      const mistakes: string[] = [];
      readNodes(cluster, mistakes);
      expect(mistakes).toEqual([expect.stringContaining("nodes: ['10.0.0.1:6379']")]);
    },
  );

  it.each([null, ['h:1'], { a: 7 }, { a: 'b c' }, 'h:1'])('refuses what is no map: %j', (natMap) => {
    const mistakes: string[] = [];
    readNodes({ nodes: ['h'], natMap }, mistakes);
    expect(mistakes).toEqual([expect.stringContaining('natMap must lead')]);
  });

  it('has no other options', () => {
    expect(() => resolveRedisOptions({ cluster: { nodes: ['h'], natmap: {} } as never })).toThrow(
      'cluster has no option "natmap" (there are nodes, natMap)',
    );
  });

  it('goes with nothing else that says where Redis is, and has one database', () => {
    const cluster = { nodes: ['h'] };
    expect(() => resolveRedisOptions({ cluster, url: 'redis://h' })).toThrow('cluster excludes url');
    expect(() => resolveRedisOptions({ cluster, redis: { db: 1 } })).toThrow('a Cluster has only database 0');
    expect(resolveRedisOptions({ cluster, redis: { db: 0, password: 'secret' } }).address).toBe('h:6379');
  });
});

it('translates nothing where nothing is said', () => {
  const address = { host: 'h', port: 1 };
  expect(translator({})(address)).toBe(address);
});
