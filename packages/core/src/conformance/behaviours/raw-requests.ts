import { BelfryError } from '@belfry/contracts';
import { expect } from 'vitest';
import { newInstanceId } from '../../identity.js';
import type { OutgoingRequest, Source, Transport } from '../../transport.js';
import { behaviour } from '../behaviour.js';
import { Double, numbers } from '../contracts.js';
import { nextTurn, until } from '../waiting.js';
import type { World } from '../world.js';

type Question = Omit<OutgoingRequest, 'dealt' | 'failed'>;

const question = (world: World, body: string | undefined, key?: string): Question => ({
  channel: world.requestChannel(Double),
  key,
  size: body?.length ?? 0,
  encode: () => body,
});
/** Resolves with who received it. */
const ask = (caller: Transport, request: Question): Promise<string | undefined> =>
  new Promise((dealt, failed) => caller.ask({ ...request, dealt, failed }));
const place = (world: World, group = 'g'): Source => ({ kind: 'group', channel: world.requestChannel(Double), group });
const inbox = (address: string): Source => ({ kind: 'inbox', address });
const ignore = () => {};

/** Transports whose instances are known, with what each was given. */
async function members(world: World, count: number, group = 'g') {
  return Promise.all(
    numbers(count).map(async () => {
      const instance = newInstanceId();
      const transport = await world.transport(group, instance);
      const taken: string[] = [];
      const link = await transport.subscribe(place(world, group), (body) => void taken.push(body));
      return { name: `${group}/${instance}`, transport, taken, link };
    }),
  );
}

const address = (world: World, service = 'raw'): string => `${world.namespace}:${service}/${newInstanceId()}`;

/** What a transport does for requests, without a bus above it. */
export const rawRequests = [
  behaviour('deals a request to one member, unchanged, and says which', ['requests'], async (world) => {
    const [caller, all] = [await world.transport(), await members(world, 3)];
    const bodies = ['{"a":1}', 'no JSON at all', '{"text":"🛎 \\u001e"}', '{"spaces" : 1 }', ...numbers(26).map(String)];
    const asked: (string | undefined)[] = [];
    for (const body of bodies.slice(0, 15)) asked.push(await ask(caller, question(world, body)));
    asked.push(...(await Promise.all(bodies.slice(15).map((body) => ask(caller, question(world, body))))));
    await until(() => all.reduce((sum, { taken }) => sum + taken.length, 0) === 30, 'thirty requests');
    for (const { name, taken } of all) {
      expect(taken.toSorted()).toEqual(bodies.filter((_, index) => asked[index] === name).toSorted());
      expect(taken.length).toBeGreaterThan(2);
    }
  }),

  behaviour('deals requests with one key to one member', ['requests'], async (world) => {
    const [callers, all] = [[await world.transport(), await world.transport()], await members(world, 4)];
    const owners = new Set<string | undefined>();
    for (const key of numbers(20).map((n) => `key ${n}`)) {
      const asked = await Promise.all(numbers(6).map((n) => ask(callers[n % 2]!, question(world, '{}', key))));
      expect(new Set(asked).size, key).toBe(1);
      owners.add(asked[0]);
    }
    expect(owners.size).toBeGreaterThan(1);
    await until(() => all.reduce((sum, { taken }) => sum + taken.length, 0) === 120, 'all requests');
  }),

  behaviour(
    'says that nobody received a request, and that it was not sent',
    ['requests', 'patterns', 'bare channels'],
    async (world) => {
      const [caller, other] = [await world.transport(), await world.transport()];
      const channel = world.requestChannel(Double);
      const heard: string[] = [];
      const hear = (body: string) => void heard.push(body);
      await other.subscribe({ kind: 'broadcast', channel }, hear);
      await other.subscribe({ kind: 'bare', channel }, hear);
      await other.subscribe({ kind: 'pattern', pattern: `${world.namespace}:**` }, hear);
      await other.subscribe({ kind: 'group', channel: world.channel(Double), group: 'g' }, hear);
      expect(await ask(caller, question(world, 'nobody'))).toBeUndefined();
      const [member] = await members(world, 1);
      expect(await ask(caller, question(world, undefined)), 'no time was left').toBeUndefined();
      expect(await ask(caller, question(world, 'somebody'))).toBe(member!.name);
      await until(() => member!.taken.length > 0, 'the request');
      await member!.link.end();
      expect(await ask(caller, question(world, 'nobody any more'))).toBeUndefined();
      expect([member!.taken, heard]).toEqual([['somebody'], []]);
    },
  ),

  behaviour('encodes a request when it is written, not within the call', ['requests'], async (world) => {
    const [caller, [member]] = [await world.transport(), await members(world, 1)];
    let asking = true;
    const encoded: boolean[] = [];
    const encode = () => {
      encoded.push(asking);
      return 'x';
    };
    const asked = ask(caller, { ...question(world, 'x'), encode });
    asking = false;
    expect(await asked).toBe(member!.name);
    expect(encoded).toEqual([false]);
    await until(() => member!.taken.length > 0, 'the request');
    expect(member!.taken).toEqual(['x']);
  }),

  behaviour('leaves out of a burst what is not to be sent any more', ['requests'], async (world) => {
    const [caller, all] = [await world.transport(), await members(world, 2)];
    const names = all.map(({ name }) => name);
    const asked = await Promise.all(
      numbers(40).map((n) =>
        ask(caller, question(world, n % 3 === 0 ? undefined : `${n}`, n % 2 === 0 ? 'k' : undefined)),
      ),
    );
    for (const [n, name] of asked.entries()) {
      if (n % 3 === 0) expect(name, `${n}`).toBeUndefined();
      else expect(names, `${n}`).toContain(name);
    }
    await until(() => all.reduce((sum, { taken }) => sum + taken.length, 0) === 26, 'the rest');
  }),

  behaviour('asks, of several groups, the first by name that has a member', ['requests'], async (world) => {
    const caller = await world.transport();
    const [[b], [c], [a]] = [await members(world, 1, 'b'), await members(world, 1, 'c'), await members(world, 1, 'a')];
    const askThrice = async () => new Set(await Promise.all(numbers(3).map(() => ask(caller, question(world, '{}')))));
    for (const member of [a!, b!, c!]) {
      expect([...(await askThrice())]).toEqual([member.name]);
      await member.link.end();
    }
    expect([...(await askThrice())]).toEqual([undefined]);
  }),

  behaviour(
    'has delivered the requests that it dealt when the end of a place resolves',
    ['requests'],
    async (world) => {
      const caller = await world.transport();
      for (const round of numbers(15)) {
        const [member] = await members(world, 1);
        const asked = Promise.all(numbers(30).map((n) => ask(caller, question(world, `${n}`))));
        if (round % 3 === 0) await nextTurn();
        await member!.link.end();
        const atTheEnd = member!.taken.length;
        const received = (await asked).filter((name) => name !== undefined).length;
        expect([atTheEnd, member!.taken.length]).toEqual([received, received]);
      }
    },
  ),

  behaviour('sends to the inbox of one instance, unchanged and in order', ['requests'], async (world) => {
    const [sender, one, other] = [await world.transport(), await world.transport(), await world.transport()];
    const [its, others] = [address(world), address(world)];
    const [received, elsewhere, channels]: string[][] = [[], [], []];
    await one.subscribe(inbox(its), (body, { channel }) => {
      received!.push(body);
      channels!.push(channel);
    });
    await other.subscribe(inbox(others), (body) => void elsewhere!.push(body));
    const bodies = ['no JSON at all', '{"text":"🛎 \\u001e"}', ...numbers(200).map(String)];
    expect(await Promise.all(bodies.map((body) => sender.send(its, body)))).toEqual(bodies.map(() => true));
    for (const n of numbers(20)) expect(await sender.send(its, `alone ${n}`)).toBe(true);
    await sender.send(others, 'for the other');
    await until(() => received!.length === bodies.length + 20 && elsewhere!.length > 0, 'all of it');
    expect(received).toEqual([...bodies, ...numbers(20).map((n) => `alone ${n}`)]);
    expect(elsewhere).toEqual(['for the other']);
  }),

  behaviour('never delivers a request or a letter within the call', ['requests'], async (world) => {
    const transport = await world.transport();
    const its = address(world);
    let [calling, inside, delivered] = [false, 0, 0];
    const deliver = () => {
      delivered++;
      if (calling) inside++;
    };
    await transport.subscribe(inbox(its), deliver);
    await transport.subscribe(place(world), deliver);
    calling = true;
    const work = numbers(10).flatMap((n): Promise<unknown>[] => [
      ask(transport, question(world, `${n}`)),
      transport.send(its, `${n}`),
    ]);
    calling = false;
    await Promise.all(work);
    await until(() => delivered === 20, 'twenty deliveries');
    expect(inside).toBe(0);
  }),

  behaviour(
    'says whether anybody received what it sent, whoever else listens to everything',
    ['requests', 'patterns'],
    async (world) => {
      const [sender, one, tap] = [await world.transport(), await world.transport(), await world.transport()];
      const its = address(world);
      const heard: string[] = [];
      await tap.subscribe({ kind: 'pattern', pattern: `${world.namespace}:**` }, (body) => void heard.push(body));
      await tap.subscribe({ kind: 'broadcast', channel: its }, (body) => void heard.push(body));
      expect(await sender.send(its, 'too early')).toBe(false);
      const received: string[] = [];
      const link = await one.subscribe(inbox(its), (body) => void received.push(body));
      expect(await sender.send(its, 'in time')).toBe(true);
      await link.end();
      expect(await sender.send(its, 'too late')).toBe(false);
      expect([received, heard]).toEqual([['in time'], []]);
    },
  ),

  behaviour('tells which addresses have somebody who listens', ['requests', 'patterns'], async (world) => {
    const [asker, one, other] = [await world.transport(), await world.transport(), await world.transport()];
    const [first, second, nobody] = [address(world), address(world, 'another'), address(world)];
    const links = [await one.subscribe(inbox(first), ignore), await other.subscribe(inbox(second), ignore)];
    await other.subscribe({ kind: 'pattern', pattern: `${world.namespace}:**` }, ignore);
    const listening = async (...addresses: string[]) => [...(await asker.listening(addresses))].toSorted();
    expect(await listening(first, second, nobody)).toEqual([first, second].toSorted());
    expect(await listening(nobody)).toEqual([]);
    expect(await listening()).toEqual([]);
    await links[0]!.end();
    expect(await listening(first, second)).toEqual([second]);
    await other.close();
    expect(await listening(first, second)).toEqual([]);
  }),

  behaviour('has not been interrupted as long as nothing interrupts it', ['requests'], async (world) => {
    const transport = await world.transport();
    expect(transport.resumedAt).toBe(Number.NEGATIVE_INFINITY);
    await transport.subscribe(inbox(address(world)), ignore);
    await ask(transport, question(world, '{}'));
    expect(transport.resumedAt).toBe(Number.NEGATIVE_INFINITY);
  }),

  behaviour(
    'settles what was asked and sent before close(), and refuses what comes after',
    ['requests'],
    async (world) => {
      const [caller, [member]]: [Transport, Awaited<ReturnType<typeof members>>] = [
        await world.transport(),
        await members(world, 1),
      ];
      const its = address(world);
      let letters = 0;
      await member!.transport.subscribe(inbox(its), () => void letters++);
      const asked = numbers(30).map((n) => ask(caller, question(world, `${n}`)));
      const sent = numbers(30).map((n) => caller.send(its, `${n}`));
      await caller.close();
      expect(await Promise.all(asked)).toEqual(numbers(30).map(() => member!.name));
      expect(await Promise.all(sent)).toEqual(numbers(30).map(() => true));
      await until(() => member!.taken.length === 30 && letters === 30, 'all of it');
      const late: unknown[] = await Promise.all([
        ask(caller, question(world, 'late')).catch((error) => error),
        caller.send(its, 'late').catch((error) => error),
        caller.listening([its]).catch((error) => error),
        caller.subscribe(inbox(its), ignore).catch((error) => error),
      ]);
      for (const error of late) expect(error).toBeInstanceOf(BelfryError);
    },
  ),
];
