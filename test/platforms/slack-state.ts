export type Json = Record<string, unknown>;

export interface SlackMessage {
  readonly channel: string;
  readonly ts: string;
  readonly thread_ts?: string;
  readonly user: string;
  readonly bot_id?: string;
  text: string;
  blocks?: readonly Json[];
  readonly files?: readonly string[];
  deleted: boolean;
}

export interface SlackFile {
  readonly id: string;
  readonly name: string;
  bytes: Buffer;
  readonly mimetype: string;
  share?: { channel: string; ts: string };
  deleted: boolean;
}

export interface Say {
  readonly user: string;
  readonly channel: string;
  readonly text: string;
  readonly thread?: string;
  readonly files?: readonly { name: string; mimeType: string; bytes: Uint8Array }[];
  readonly botId?: string;
  /** Keep the event back; deliver it with `replay`. */
  readonly hold?: boolean;
}

export interface Said {
  readonly ts: string;
  /** `events_api` payloads, in order of delivery: a mention in a channel is two of them. */
  readonly events: readonly Json[];
}

export const TEAM = 'T0TEAM';
export const BOT = { user: 'U0BOT', id: 'B0BOT', name: 'pibot' };
export const SCOPES =
  'chat:write,app_mentions:read,im:history,channels:history,groups:history,mpim:history,users:read,channels:read,groups:read,files:read,files:write,commands';

export function buttonsOf(message: SlackMessage): readonly Json[] {
  const actions = (message.blocks ?? []).filter((block) => block['type'] === 'actions');
  return actions.flatMap((block) => block['elements'] as Json[]);
}

/** A press of a button: whether it was acknowledged, and the same press delivered once more. */
export interface SlackPress {
  acknowledged(): boolean;
  again(): void;
}
