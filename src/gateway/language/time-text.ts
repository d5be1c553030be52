import { type ChatText, say } from './chat-text.ts';

const MINUTE_MS = 60_000;

/** A time as a sentence names it: "one hour", "10 minutes". */
export function timeText(ms: number): ChatText {
  const minutes = Math.max(1, Math.round(ms / MINUTE_MS));
  return minutes % 60 === 0 ? say('time.hours', { n: minutes / 60 }) : say('time.minutes', { n: minutes });
}
