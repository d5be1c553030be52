import { within } from '../../base/async.ts';
import { pause } from '../kit/supervisor.ts';
import { type Fields, fieldsOf, listOf, textOf } from './fields.ts';
import type { WebClient } from './web-client.ts';

const FIRST_WAIT_MS = 250;

/**
 * The payload of an event with the words of its recordings. Slack tells of a recording while it still listens to it, so
 * the file is asked for again until Slack is done, at most for `timeoutMs`. Never rejects.
 */
export async function withTranscripts(body: unknown, client: WebClient, timeoutMs: number): Promise<unknown> {
  const payload = fieldsOf(body);
  const event = fieldsOf(payload['event']);
  const files = listOf(event, 'files');
  if (!files.some(isListenedTo)) return body;
  const heard = new Map<string, Fields>();
  const ended = new AbortController();
  await within(
    Promise.all(files.filter(isListenedTo).map((file) => listen(file, heard, client, ended.signal))),
    timeoutMs,
  );
  ended.abort('over');
  if (heard.size === 0) return body;
  const told = files.map((file) => {
    const transcription = heard.get(textOf(file, 'id') ?? '');
    return transcription === undefined ? file : { ...file, transcription };
  });
  return { ...payload, event: { ...event, files: told } };
}

function isListenedTo(file: Fields): boolean {
  return (
    textOf(fieldsOf(file['transcription']), 'status') === 'processing' && textOf(file, 'id') !== undefined
  );
}

async function listen(
  file: Fields,
  heard: Map<string, Fields>,
  client: WebClient,
  signal: AbortSignal,
): Promise<void> {
  const id = textOf(file, 'id') ?? '';
  try {
    for (let waitMs = FIRST_WAIT_MS; !signal.aborted; waitMs *= 2) {
      const transcription = fieldsOf(fieldsOf((await client.files.info({ file: id })).file)['transcription']);
      if (textOf(transcription, 'status') !== 'processing') {
        heard.set(id, transcription);
        return;
      }
      await pause(waitMs, signal);
    }
  } catch {
    // Without the scope files:read, for example. The recording itself is what counts.
  }
}
