import { within } from '../../base/async.ts';
import { LruMap } from '../kit/lru.ts';
import { type Fields, fieldsOf, listOf, textOf } from './fields.ts';

/** A mention comes as two events, a moment apart. */
const APART_MS = 300;
const MAX_KEPT = 500;

interface Twin {
  readonly came: PromiseWithResolvers<Fields>;
  body?: Fields;
}

/**
 * Slack tells a mention in a channel twice: as `message`, and as `app_mention`, which need not have the files, blocks and
 * attachments. The one that comes first is taken, so it gets what the other one has.
 */
export class Twins {
  readonly #kept = new LruMap<string, Twin>(MAX_KEPT);

  /** An event has arrived. */
  note(body: unknown): void {
    const event = fieldsOf(fieldsOf(body)['event']);
    const key = keyOf(event);
    if (key === undefined || textOf(event, 'type') !== 'message') return;
    const twin = this.#of(key);
    twin.body = fieldsOf(body);
    twin.came.resolve(twin.body);
  }

  /** The event itself, or, for a bare mention, the same message as the other event has it. */
  async fuller(body: unknown): Promise<unknown> {
    const event = fieldsOf(fieldsOf(body)['event']);
    const key = keyOf(event);
    if (key === undefined || textOf(event, 'type') !== 'app_mention' || !isBare(event)) return body;
    const twin = this.#of(key);
    const other = twin.body ?? (await within(twin.came.promise, APART_MS));
    return other === undefined
      ? body
      : { ...other, event: { ...fieldsOf(other['event']), type: 'app_mention' } };
  }

  #of(key: string): Twin {
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const twin: Twin = { came: Promise.withResolvers<Fields>() };
    this.#kept.set(key, twin);
    return twin;
  }
}

function keyOf(event: Fields): string | undefined {
  const [channel, ts] = [textOf(event, 'channel'), textOf(event, 'ts')];
  const direct = channel?.startsWith('D') === true || textOf(event, 'channel_type') === 'im';
  return channel === undefined || ts === undefined || direct ? undefined : `${channel}:${ts}`;
}

function isBare(event: Fields): boolean {
  return (
    ['files', 'blocks', 'attachments'].every((key) => listOf(event, key).length === 0) && !('edited' in event)
  );
}
