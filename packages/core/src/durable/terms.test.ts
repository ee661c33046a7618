import { describe, expect, it } from 'vitest';
import { Terms } from './terms.js';

/** Makes a call that is answered. */
function hear(terms: Terms): void {
  terms.calling();
  terms.answered(terms.former);
}

describe('terms', () => {
  it('go on in one name while calls are answered', () => {
    const terms = new Terms('i1');
    for (let calls = 0; calls < 3; calls++) hear(terms);
    expect([terms.holder, terms.former]).toEqual(['i1.0', []]);
  });

  it('end when an answer is lost, and are asked about until there is one', () => {
    const terms = new Terms('i1');
    terms.calling();
    terms.end();
    terms.calling();
    terms.end();
    expect([terms.holder, terms.former]).toEqual(['i1.2', ['i1.0', 'i1.1']]);
    hear(terms);
    expect([terms.holder, terms.former]).toEqual(['i1.2', []]);
  });

  it('are asked about again when the answer says nothing of them', () => {
    const terms = new Terms('i1');
    terms.end();
    terms.end();
    terms.calling();
    terms.answered(['i1.0']);
    expect(terms.former).toEqual(['i1.1']);
    terms.calling();
    terms.answered();
    expect(terms.former).toEqual(['i1.1']);
  });

  it('go on after a no, and are asked about like former ones, once however often it was said', () => {
    const terms = new Terms('i1');
    terms.doubt();
    terms.doubt();
    expect([terms.holder, terms.former]).toEqual(['i1.0', ['i1.0']]);
    hear(terms);
    expect([terms.holder, terms.former]).toEqual(['i1.0', []]);
  });

  it('end when the connection has come back since the last answer: once, before the next call', () => {
    let resumedAt = 1;
    const terms = new Terms('i1', () => resumedAt);
    hear(terms);
    resumedAt = 2;
    expect(terms.holder).toBe('i1.0');
    terms.calling();
    expect([terms.holder, terms.former]).toEqual(['i1.1', ['i1.0']]);
    terms.answered(terms.former);
    hear(terms);
    expect(terms.holder).toBe('i1.1');
  });

  it('end when the connection came back while the last call was answered', () => {
    let resumedAt = 1;
    const terms = new Terms('i1', () => resumedAt);
    terms.calling();
    resumedAt = 2;
    terms.answered();
    terms.calling();
    expect(terms.holder).toBe('i1.1');
  });

  it('in which nothing was given yet outlast the connection', () => {
    let resumedAt = 1;
    const terms = new Terms('i1', () => resumedAt);
    terms.calling();
    resumedAt = 2;
    terms.calling();
    expect(terms.holder).toBe('i1.0');
    terms.answered();
    terms.end();
    resumedAt = 3;
    terms.calling();
    expect(terms.holder).toBe('i1.1');
  });
});
