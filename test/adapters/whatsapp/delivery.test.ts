import { describe, expect, it } from 'vitest';
import { messageIdOf } from '../../../src/adapters/whatsapp/send.ts';
import { attr, node } from '../../platforms/whatsapp/nodes.ts';
import { chatOf, WhatsAppRig } from './rig.ts';

// Each has a server of its own, and mostly waits.
describe('a send', () => {
  it('is proven by the ack of the server, and has the same id at every try', async () => {
    const rig = await WhatsAppRig.connected();
    const jid = rig.server.ada.lid;
    const receipt = await rig.send(jid, 'hello', { idempotencyKey: 'row 1' });
    expect(receipt.messageId).toBe(messageIdOf('row 1'));
    expect(receipt.messageId).toMatch(/^3EB0[0-9A-F]{18}$/);
    await rig.send(jid, 'hello', { idempotencyKey: 'row 1' });
    // The server passes both on; a phone that keeps messages by id shows one.
    expect(rig.server.chat(jid).map((message) => message.id)).toEqual([receipt.messageId, receipt.messageId]);
  });

  it('is unknown when no ack comes in time', async () => {
    const rig = await WhatsAppRig.connected({ options: { ackTimeoutMs: 100 } });
    rig.server.acks = false;
    const error = await rig.failure(rig.send(rig.server.ada.lid, 'hello?'));
    expect(error.failure).toBe('unknown');
    expect(error.message).toContain('time ran out');
  });

  it.each([
    [463, 'gone'],
    [403, 'gone'],
    [429, 'rate-limited'],
    [503, 'unreachable'],
    [479, 'rejected'],
  ])('that the server refuses with %i is %s', async (status, failure) => {
    const rig = await WhatsAppRig.connected();
    rig.server.faults.push({ method: 'message', when: 'before', reply: { status } });
    const error = await rig.failure(rig.send(rig.server.ada.lid, 'hello'));
    expect(error.failure).toBe(failure);
    expect(error.message).toContain(String(status));
  });

  it('is not sent when the server wants fewer questions about devices', async () => {
    const rig = await WhatsAppRig.connected();
    rig.server.faults.push({ method: 'iq:usync', reply: { status: 429, body: 'rate-overlimit' } });
    const error = await rig.failure(rig.send(rig.server.ada.lid, 'hello'));
    expect(error).toMatchObject({ failure: 'rate-limited', retryAfterMs: 60_000 });
    expect(rig.server.sent).toEqual([]);
    await rig.send(rig.server.ada.lid, 'hello');
  });

  it('ends with the connection, even while baileys waits for an answer that never comes', async () => {
    const rig = await WhatsAppRig.connected();
    rig.server.faults.push({ method: 'iq:usync', reply: 'hang' });
    const sending = rig.failure(rig.send(rig.server.ada.lid, 'hello'));
    await rig.until(() => expect(rig.server.called('iq:usync').length).toBeGreaterThan(0));
    rig.server.drop();
    expect((await sending).failure).toBe('unreachable');
  });

  it('to a number that nobody has is gone, not delivered to nobody', async () => {
    const rig = await WhatsAppRig.connected();
    const error = await rig.failure(rig.send('15559999999@s.whatsapp.net', 'anybody?'));
    expect(error.failure).toBe('gone');
    expect(rig.server.called('message')).toEqual([]);
  });

  it('to a person about whom the server says nothing may be tried again', async () => {
    const rig = await WhatsAppRig.connected();
    const error = await rig.failure(rig.send('819999999@lid', 'anybody?'));
    expect(error.failure).toBe('unreachable');
    expect(rig.server.called('message')).toEqual([]);
  });

  it('reaches a phone number written the way people write it', async () => {
    const rig = await WhatsAppRig.connected();
    await rig.send('+1 555 111-0001', 'by number');
    expect(rig.server.chat(rig.server.ada.phone).map((message) => message.text)).toEqual(['by number']);
  });

  it('to something that is no address is rejected with a hint', async () => {
    const rig = await WhatsAppRig.connected();
    const error = await rig.failure(rig.send('general', 'hello'));
    expect(error.failure).toBe('rejected');
    expect(error.hint).toContain('phone number');
  });

  it('never goes out as a status update or into a channel', async () => {
    const rig = await WhatsAppRig.connected();
    for (const chat of ['status@broadcast', '120363@newsletter'])
      expect((await rig.failure(rig.send(chat, 'to everybody'))).failure).toBe('rejected');
    expect(rig.server.called('message')).toEqual([]);
  });

  it('to a person whose device has no keys is rejected', async () => {
    const rig = await WhatsAppRig.connected();
    rig.server.ada.reachable = false;
    expect((await rig.failure(rig.send(rig.server.ada.lid, 'hello'))).failure).toBe('rejected');
  });

  it('into a group reaches everybody but the one whose device has no keys', async () => {
    const rig = await WhatsAppRig.connected();
    const group = rig.server.addGroup('Friends');
    rig.server.bob.reachable = false;
    await rig.send(group.jid, 'hello friends');
    const readers = rig.server.sent.filter((message) => message.to === group.jid).map((m) => m.reader.name);
    expect(readers).toEqual(['Ada']);
  });

  it('whose file cannot be uploaded was not sent', async () => {
    const rig = await WhatsAppRig.connected();
    const { writeFile } = await import('node:fs/promises');
    const path = `${rig.stateDir}/note.txt`;
    await writeFile(path, 'note');
    rig.server.media.refuseUploads = 500;
    const attachment = { path, name: 'note.txt', mimeType: 'text/plain' };
    const error = await rig.failure(rig.send(rig.server.ada.lid, { text: '', plain: '', attachment }));
    expect(error.failure).toBe('unreachable');
    expect(rig.server.sent).toEqual([]);
  });

  it('that is cancelled in the middle ends at once', async () => {
    const rig = await WhatsAppRig.connected();
    rig.server.acks = false;
    const abort = new AbortController();
    const sending = rig.adapter.send(
      {
        idempotencyKey: 'k',
        chat: chatOf(rig.server.ada.lid),
        part: { text: 'x', plain: 'x' },
        partIndex: 0,
        partCount: 1,
        meta: { kind: 'reply' },
      },
      abort.signal,
    );
    const failure = rig.failure(sending);
    await rig.until(() => expect(rig.server.sent).toHaveLength(1));
    abort.abort();
    expect((await failure).failure).toBe('unknown');
  });

  it('of many messages at once delivers each of them once', async () => {
    const rig = await WhatsAppRig.connected();
    const jid = rig.server.ada.lid;
    const texts = Array.from({ length: 30 }, (_, n) => `message ${n}`);
    await Promise.all(texts.map((text) => rig.send(jid, text)));
    expect(rig.ada().sort()).toEqual(texts.sort());
  });
});

describe('an answer that the gateway sends while it takes the question', () => {
  it('keeps the encryption in step, also over a restart', async () => {
    const rig = await WhatsAppRig.connected();
    const answers: Promise<unknown>[] = [];
    const answering = (): void => {
      const accept = rig.host.accept.bind(rig.host);
      rig.host.accept = (message) => {
        // Not awaited: started inside of the call that takes the message.
        answers.push(rig.send(message.chat, `re: ${message.text}`));
        return accept(message);
      };
    };
    answering();
    for (let n = 0; n < 5; n += 1) {
      await rig.server.dm(rig.server.ada, { conversation: `q${n}` });
      await rig.message(`q${n}`);
      await Promise.all(answers);
    }
    await rig.restart();
    answering();
    for (let n = 5; n < 10; n += 1) {
      await rig.server.dm(rig.server.ada, { conversation: `q${n}` });
      await rig.message(`q${n}`);
      await Promise.all(answers);
    }
    expect(rig.ada()).toEqual(Array.from({ length: 10 }, (_, n) => `re: q${n}`));
    expect(rig.server.problems).toEqual([]);
  });
});

describe('a phone that could not decrypt an answer', () => {
  it('gets it again, also after a restart of the gateway', async () => {
    const rig = await WhatsAppRig.connected();
    const { ada } = rig.server;
    await rig.server.dm(ada, { conversation: 'hello' });
    const { chat } = await rig.message('hello');
    const { messageId } = await rig.send(chat, 'the answer');
    await rig.restart();
    await rig.until(() => expect(rig.server.connected).toBe(true));
    rig.server.raw(retry(messageId, ada.lid));
    await rig.until(() => expect(rig.ada()).toEqual(['the answer', 'the answer']));
    expect(rig.server.chat(ada.lid).map((message) => message.id)).toEqual([messageId, messageId]);
  });

  it('gets nothing that was written to somebody else', async () => {
    const rig = await WhatsAppRig.connected();
    const { ada, bob } = rig.server;
    const { messageId } = await rig.send(ada.lid, 'for Ada only');
    await rig.send(bob.lid, 'hello Bob');
    await rig.restart();
    await rig.until(() => expect(rig.server.connected).toBe(true));
    rig.server.raw(retry(messageId, bob.lid));
    await rig.until(() =>
      expect(rig.server.called('ack').some((ack) => attr(ack, 'class') === 'receipt')).toBe(true),
    );
    expect(rig.server.chat(bob.lid).map((message) => message.text)).toEqual(['hello Bob']);
  });
});

function retry(id: string, from: string) {
  return node('receipt', { id, from, type: 'retry', t: '1' }, [
    node('retry', { count: '1', id, t: '1', v: '1' }),
    node('registration', {}, Buffer.from([0, 0, 0, 0])),
  ]);
}
