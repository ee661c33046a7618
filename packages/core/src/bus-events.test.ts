import { describe, expect, it } from 'vitest';
import { nextTurn } from '../test/doubles.js';
import { BusEvents, isBusEvent } from './bus-events.js';
import { RecordedLogger } from './conformance/recorded-logger.js';

const gone = new Error('The listener threw.');

function bench() {
  const logger = new RecordedLogger();
  return { logger, events: new BusEvents(logger) };
}

describe('the events of a bus', () => {
  it('reach everybody who listens to them, in order, and nobody else', () => {
    const { events } = bench();
    const heard: string[] = [];
    events.on('resumed', ({ outageMs }) => heard.push(`first ${outageMs}`));
    events.on('resumed', ({ outageMs }) => heard.push(`second ${outageMs}`));
    events.on('interrupted', () => heard.push('interrupted'));
    events.emit('resumed', { outageMs: 7 });
    events.emit('closed', {});
    expect(heard).toEqual(['first 7', 'second 7']);
  });

  it('reach a listener as often as it was given, and end one by one', () => {
    const { events } = bench();
    let heard = 0;
    const listener = () => void heard++;
    const [end] = [events.on('connected', listener), events.on('connected', listener)];
    events.emit('connected', {});
    expect(heard).toBe(2);
    end();
    end();
    events.emit('connected', {});
    expect(heard).toBe(3);
  });

  it('reach the others when a listener throws, which is logged', () => {
    const { events, logger } = bench();
    let heard = 0;
    events.on('closed', () => {
      throw gone;
    });
    events.on('closed', () => void heard++);
    events.emit('closed', {});
    expect(heard).toBe(1);
    expect(logger.at('error')).toMatchObject([{ fields: { event: 'closed', err: gone } }]);
  });

  it('leave no rejection of a listener unhandled, which is logged too', async () => {
    const { events, logger } = bench();
    events.on('closed', async () => {
      throw gone;
    });
    events.emit('closed', {});
    expect(logger.lines).toEqual([]);
    await nextTurn();
    expect(logger.at('error')).toMatchObject([{ fields: { event: 'closed', err: gone } }]);
  });

  it('may be ended by a listener while they are told', () => {
    const { events } = bench();
    const heard: string[] = [];
    const end = events.on('closed', () => {
      heard.push('once');
      end();
    });
    events.on('closed', () => heard.push('always'));
    events.emit('closed', {});
    events.emit('closed', {});
    expect(heard).toEqual(['once', 'always', 'always']);
  });

  it('have names, and no others', () => {
    const names = ['connected', 'interrupted', 'resumed', 'closed', 'gap', 'recovered', 'pressure'];
    expect(names.filter(isBusEvent)).toEqual(names);
    expect(['', 'emptied', 'toString', undefined, 7].filter(isBusEvent)).toEqual([]);
  });
});
