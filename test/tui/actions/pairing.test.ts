import { describe, expect, it } from 'vitest';
import { busySnapshot, pairingView, snapshotOf } from '../fixtures.ts';
import { harness } from '../harness.ts';

describe('pairing by key', () => {
  it('approves the selected request with a, says so, and takes it back with u within 30 seconds', async () => {
    const h = harness();
    h.press('4 j a');
    expect(h.operator.commands).toEqual([{ type: 'pairing.approve', requestId: 'p1' }]);
    await h.settle();
    h.operator.push({ type: 'pairing-closed', id: 'p1', outcome: 'approved', actor: 'operator' });
    await h.settle();
    expect(h.text().at(-1)).toContain('Grace Hopper (telegram 81234) is approved');
    expect(h.text().at(-1)).toContain('u undo');
    h.press('u');
    expect(h.operator.commands.at(-1)).toEqual({ type: 'pairing.undo', requestId: 'p1' });
  });

  it('cannot take it back after 30 seconds', async () => {
    const h = harness();
    h.press('4 a');
    await h.settle();
    h.timers.advance(30_000);
    h.press('u');
    expect(h.operator.commands).toHaveLength(1);
    expect(h.text().at(-1)).not.toContain('is approved');
  });

  it('denies with d and blocks with b; a block can be taken back', async () => {
    const h = harness();
    h.press('4 d');
    await h.settle();
    expect(h.operator.commands.at(-1)).toEqual({ type: 'pairing.deny', requestId: 'p2' });
    h.press('j b');
    await h.settle();
    expect(h.operator.commands.at(-1)).toEqual({ type: 'pairing.block', requestId: 'p1' });
    h.press('u');
    expect(h.operator.commands.at(-1)).toEqual({ type: 'pairing.undo', requestId: 'p1' });
  });

  it('sends one command however often the key is pressed', () => {
    const h = harness();
    h.press('4 a a a a');
    expect(h.operator.commands).toHaveLength(1);
  });

  it('does nothing to a request that slipped under the cursor a moment ago', async () => {
    const h = harness();
    h.press('4');
    h.operator.push({ type: 'pairing-closed', id: 'p2', outcome: 'expired', actor: 'clock' });
    h.timers.advance(260);
    h.press('a');
    expect(h.operator.commands).toEqual([]);
    expect(h.text().at(-1)).toContain('The list has just moved');
    h.timers.advance(1_000);
    h.press('a');
    expect(h.operator.commands).toEqual([{ type: 'pairing.approve', requestId: 'p1' }]);
  });

  it('keeps the selection on its request when an older one leaves and a newer one comes', () => {
    const h = harness();
    h.press('4 j');
    h.operator.push({ type: 'pairing-closed', id: 'p2', outcome: 'denied', actor: 'api' });
    h.operator.push({ type: 'pairing', request: pairingView('p3', { senderName: 'Newcomer' }) });
    h.timers.advance(300);
    h.press('a');
    expect(h.operator.commands).toEqual([{ type: 'pairing.approve', requestId: 'p1' }]);
  });

  it('shows what went wrong and the next step', async () => {
    const locked = Object.assign(new Error('code entry is locked'), {
      hint: 'Approve the row by key instead.',
    });
    const h = harness({ answer: () => locked });
    h.press('4 a');
    await h.settle();
    expect(h.text().at(-1)).toContain('code entry is locked. Approve the row by key instead.');
    h.press('a');
    // It may be the same key, still down: that shows in a moment.
    expect(h.operator.commands).toHaveLength(1);
    h.timers.advance(120);
    expect(h.operator.commands).toHaveLength(2);
  });

  it('matches a typed code', () => {
    const h = harness();
    h.press('4 m');
    h.type('kq7m 2xpd');
    h.press('enter');
    expect(h.operator.commands).toEqual([{ type: 'pairing.approve', code: 'kq7m 2xpd' }]);
  });

  it('decides from the page of the request, which closes when the request is gone', async () => {
    const h = harness();
    h.press('4 enter');
    expect(h.text().join('\n')).toContain('Request of 山田太郎');
    h.press('a');
    expect(h.operator.commands).toEqual([{ type: 'pairing.approve', requestId: 'p2' }]);
    h.operator.push({ type: 'pairing-closed', id: 'p2', outcome: 'approved', actor: 'operator' });
    await h.settle();
    expect(h.text().join('\n')).not.toContain('Request of');
  });

  it('never steals the focus for a new request, but raises the badge', () => {
    const h = harness({ snapshot: snapshotOf() });
    h.press('2');
    h.operator.push({ type: 'pairing', request: pairingView('p1') });
    h.timers.advance(300);
    expect(h.controller.view.focus).toBe('sessions');
    expect(h.text()[0]).toContain('pairing 1 !');
  });
});

describe('allowlist and refusals', () => {
  it('allows the sender of a refusal and takes it back', async () => {
    const h = harness();
    h.press('f j a');
    await h.settle();
    expect(h.operator.commands).toEqual([
      { type: 'allow', platform: 'discord', userId: '4242', note: 'was refused: not_allowed' },
    ]);
    h.press('u');
    expect(h.operator.commands.at(-1)).toEqual({ type: 'revoke', platform: 'discord', userId: '4242' });
  });

  it('revokes only after a question that names the person, with Cancel focused', () => {
    const h = harness();
    h.press('w x');
    expect(h.text().join('\n')).toContain('Revoke Linus?');
    h.press('enter');
    expect(h.operator.commands).toEqual([]);
    h.press('x x y');
    expect(h.operator.commands).toEqual([{ type: 'revoke', platform: 'discord', userId: '9' }]);
  });

  it('takes platform and id in the palette, and says what is wrong with them', () => {
    const h = harness({ snapshot: busySnapshot() });
    h.press(':');
    h.type('allow telegram 4711 a friend');
    h.press('enter');
    expect(h.operator.commands).toEqual([]);
    expect(h.text().join('\n')).toContain('Allow telegram 4711?');
    h.press('y');
    expect(h.operator.commands).toEqual([
      { type: 'allow', platform: 'telegram', userId: '4711', note: 'a friend' },
    ]);
    h.press(':');
    h.type('allow myspace 1');
    h.press('enter');
    expect(h.text().at(-1)).toContain('Which platform? One of telegram, discord');
    h.press(':');
    h.type('allow twitch alice');
    h.press('enter');
    expect(h.text().at(-1)).toContain('Expected a numeric Twitch user id such as 500123');
    expect(h.operator.commands).toHaveLength(1);
  });
});
