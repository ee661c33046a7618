import { defineEvent, defineRequest, type EventData } from '@belfry/contracts';
import type { MessageContext } from '@belfry/core';
import { Respond, Subscribe } from '@belfry/handlers';
import { ContainerModule, inject } from 'inversify';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { explore, type Exploration } from './explore.js';

const Deposited = defineEvent('accounts.deposited', {
  schema: z.object({ id: z.string(), account: z.string(), cents: z.int() }),
  guarantee: 'durable',
  key: ({ account }) => account,
});
const Ticked = defineEvent('clock.ticked', { schema: z.object({ n: z.int() }) });
const Count = defineRequest('numbers.count', { input: z.object({}), output: z.int(), stream: true, timeout: '2s' });
const Rate = defineRequest('rates.ask', { input: z.object({}), output: z.int(), timeout: '2s' });

/** Outlives every instance, as a database does. */
class Books {
  readonly seen: string[] = [];
  readonly balances: Record<string, number> = {};
}
const booksModule = (books: Books) => new ContainerModule(({ bind }) => void bind(Books).toConstantValue(books));

class NaiveLedger {
  constructor(@inject(Books) protected readonly books: Books) {}

  @Subscribe(Deposited)
  book({ id, account, cents }: EventData<typeof Deposited>) {
    this.books.seen.push(id);
    this.books.balances[account] = (this.books.balances[account] ?? 0) + cents;
  }
}

class CarefulLedger {
  readonly #naive: NaiveLedger;

  constructor(@inject(Books) private readonly books: Books) {
    this.#naive = new NaiveLedger(books);
  }

  @Subscribe(Deposited)
  book(deposit: EventData<typeof Deposited>) {
    if (!this.books.seen.includes(deposit.id)) this.#naive.book(deposit);
  }
}

const deposits = async (Ledger: new (books: Books) => object, { startHarness }: Exploration) => {
  const books = new Books();
  await using harness = await startHarness({
    name: 'ledger',
    handlers: [Ledger],
    modules: [booksModule(books)],
    instances: 2,
  });
  for (const [n, account] of ['ann', 'bob', 'ann', 'ann'].entries())
    await harness.publish(Deposited, { id: `d-${n}`, account, cents: 100 });
  await harness.settled();
  expect(books.balances).toEqual({ ann: 300, bob: 100 });
  return books;
};

describe('explore', () => {
  it('finds a handler that counts twice, and shows how', async () => {
    const error: Error = await explore((exploration) => deposits(NaiveLedger, exploration).then(() => {})).catch(
      (reason) => reason,
    );
    expect(error.message).toMatch(/^Seed \d+ fails: expected \{/);
    expect(error.message).toMatch(/ms {2}!! (that comes too late|ledger#\d (crashes|stands still))/);
    expect(error.message).toMatch(/To see it again: BELFRY_SEED=\d+/);
    expect(error.cause).toHaveProperty('actual');
  });

  it('finds nothing in one that does not, under every seed', async () => {
    const explored = await explore((exploration) => deposits(CarefulLedger, exploration).then(() => {}), { seeds: 40 });
    const all = explored.flatMap(({ schedule }) => schedule).join('\n');
    for (const fault of [
      'crashes before it acknowledges',
      'crashes before it knows that',
      'stands still',
      'comes too late',
    ])
      expect(all).toContain(fault);
  });

  it('shows the same for the same seed, and other things for others', async () => {
    const run = (seed: number) =>
      explore((exploration) => deposits(CarefulLedger, exploration).then(() => {}), { seed });
    for (const seed of [3, 7, 11, 12]) expect(await run(seed)).toEqual(await run(seed));
    expect((await run(3))[0]!.schedule).not.toEqual((await run(7))[0]!.schedule);
  });

  it('keeps the order of a key, whatever happens', async () => {
    await explore(
      async (exploration) => {
        const { seen } = await deposits(CarefulLedger, exploration);
        expect(seen.filter((id) => id !== 'd-1')).toEqual(['d-0', 'd-2', 'd-3']);
      },
      { seeds: 30 },
    );
  });

  it('changes the order in which subscribers hear of things, and loses what is transient', async () => {
    const heard = new Map<string, number[]>();
    const orders = new Set<string>();
    class First {
      @Subscribe(Ticked)
      hear({ n }: EventData<typeof Ticked>, { group }: MessageContext) {
        heard.set(group!, [...(heard.get(group!) ?? []), n]);
      }
    }
    class Second extends First {}
    let lost = 0;
    await explore(
      async ({ startHarness }) => {
        heard.clear();
        const services = [{ name: 'second', handlers: [Second] }];
        await using harness = await startHarness({ name: 'first', handlers: [First], services });
        await Promise.all([1, 2, 3].map((n) => harness.publish(Ticked, { n })));
        await harness.settled();
        orders.add([...heard.keys()].join());
        for (const numbers of heard.values()) {
          expect(numbers).toEqual([...numbers].sort());
          lost += 3 - numbers.length;
        }
      },
      { seeds: 40, faults: { crashes: false } },
    );
    expect(orders).toContain('first,second');
    expect(orders).toContain('second,first');
    expect(lost).toBeGreaterThan(0);
  });

  it('lets time pass for whoever waits: a request that gets lost ends by its timeout', async () => {
    class Rates {
      @Respond(Rate)
      rate() {
        return 4;
      }

      @Respond(Count)
      async *count() {
        yield 1;
        yield 2;
      }
    }
    const outcomes = new Set<unknown>();
    await explore(
      async ({ startHarness }) => {
        await using harness = await startHarness({ name: 'rates', handlers: [Rates] });
        for (let n = 0; n < 3; n++) outcomes.add(await harness.request(Rate, {}).catch(({ code }) => code));
        try {
          for await (const value of harness.request(Count, {})) outcomes.add(`value ${value}`);
        } catch (error) {
          outcomes.add(`stream ${(error as { code: string }).code}`);
        }
      },
      { seeds: 40 },
    );
    expect(outcomes).toContain(4);
    expect(outcomes).toContain('REQUEST_TIMEOUT');
    expect(outcomes).toContain('value 2');
    expect(outcomes).toContain('stream REQUEST_TIMEOUT');
  });

  it('runs the seed that the environment names, and no other', async () => {
    vi.stubEnv('BELFRY_SEED', '7');
    const explored = await explore((exploration) => deposits(CarefulLedger, exploration).then(() => {}));
    expect(explored.map(({ seed }) => seed)).toEqual([7]);
    vi.unstubAllEnvs();
  });

  it('leaves out what it is told to', async () => {
    const faults = { crashes: false, pauses: false, duplicates: false, drops: false };
    const scenario = (exploration: Exploration) => deposits(NaiveLedger, exploration).then(() => {});
    const explored = await explore(scenario, { seeds: 20, faults });
    expect(explored.flatMap(({ schedule }) => schedule).filter((line) => line.includes('!!'))).toEqual([]);
  });
});
