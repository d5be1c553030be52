import { messageOf } from '../../base/errors.ts';
import { ParkedError, RetryAfterError } from '../kit/supervisor.ts';

interface CloseReason {
  /** What the supervisor does about it. */
  readonly error: Error;
  /** The phone has unlinked this session: its keys are worthless and are to be removed. */
  readonly loggedOut: boolean;
}

/** The facts in the error that baileys ends a connection with (a Boom). */
interface Facts {
  readonly code: number | undefined;
  readonly message: string;
  /** The child of a stream error, for example `conflict` with its attributes. */
  readonly child: { readonly tag: string; readonly type: string | undefined };
}

/** How baileys begins the message of an error below WhatsApp's own protocol. */
const TRANSPORT = 'WebSocket Error';
const START = 'start the WhatsApp adapter again';

/**
 * Why a connection ended and what to do. Codes are WhatsApp's: from `stream:error` and `failure` stanzas, or made up by
 * baileys (408, 428, 500).
 */
export function closeReason(error: unknown): CloseReason {
  const facts = factsOf(error);
  const loggedOut = isLogout(facts);
  return { error: loggedOut ? unlinked() : verdict(facts), loggedOut };
}

function verdict({ code, message }: Facts): Error {
  // A proxy's or gateway's HTTP status on the way to WhatsApp: not WhatsApp's own verdict on the account.
  if (message.startsWith(TRANSPORT))
    return new Error(
      `the server is not reachable: ${message.slice(TRANSPORT.length).replace(/^ \(|\)$/g, '')}`,
    );
  switch (code) {
    case 515:
      return new RetryAfterError('WhatsApp asks for a restart of the connection', 0);
    case 440:
      return new ParkedError(
        'another process uses this session',
        `Stop the other program that uses this WhatsApp session, then ${START}.`,
        'valid',
      );
    case 402:
      return new ParkedError(
        'WhatsApp has banned this account for a time',
        `Read the notice in the WhatsApp app on the phone; when the ban has ended, ${START}.`,
      );
    case 403:
    case 406:
      return new ParkedError(
        `WhatsApp has blocked this account or device (${code})`,
        `Check the account in the WhatsApp app on the phone (it may be banned); then ${START}.`,
        'revoked',
      );
    case 405:
    case 409:
      return new ParkedError(
        `WhatsApp refuses this client version (${code})`,
        `Update pi-gateway-tui, or set platforms.whatsapp.version to the current WhatsApp Web version; then ${START}.`,
        'valid',
      );
    case 411:
      return new ParkedError(
        'linked devices are switched off for this account',
        `Update the WhatsApp app on the phone and turn on linked devices; then ${START}.`,
      );
    default:
      return new Error(code === undefined ? message : `${message} (${code})`);
  }
}

function unlinked(): ParkedError {
  return new ParkedError(
    'logged out: the phone has removed this device',
    'Start the WhatsApp adapter again and scan the new QR code with the phone.',
    'revoked',
  );
}

function isLogout({ code, message, child }: Facts): boolean {
  if (message.startsWith(TRANSPORT)) return false;
  return code === 401 || (child.tag === 'conflict' && child.type === 'device_removed');
}

function factsOf(error: unknown): Facts {
  const data = property(error, 'data');
  const code = property(property(error, 'output'), 'statusCode');
  const tag = property(data, 'tag');
  const type = property(property(data, 'attrs'), 'type');
  return {
    code: typeof code === 'number' ? code : undefined,
    message: error === undefined ? 'the connection ended' : messageOf(error),
    child: { tag: typeof tag === 'string' ? tag : '', type: typeof type === 'string' ? type : undefined },
  };
}

/** A property of something unknown; undefined when it has none. */
export function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
