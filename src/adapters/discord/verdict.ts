import { DiscordjsError, DiscordjsErrorCodes } from 'discord.js';
import { ParkedError } from '../kit/supervisor.ts';

/** The bot's token does not work any more. */
export function tokenRefused(): ParkedError {
  return new ParkedError(
    'token refused',
    'Reset the token in the Discord developer portal (Bot > Reset Token) and set platforms.discord.botToken.',
    'revoked',
  );
}

function intentMissing(): ParkedError {
  return new ParkedError(
    'the message content intent is off',
    'Switch on "Message Content Intent" in the Discord developer portal (Bot > Privileged Gateway Intents), then restart the adapter.',
    'valid',
  );
}

/**
 * Close codes of the gateway after which no reconnect can succeed; undefined for every other.
 * Source: https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
 */
export function fatalClose(code: number): ParkedError | undefined {
  switch (code) {
    case 4004:
      return tokenRefused();
    case 4013:
    case 4014:
      return intentMissing();
    case 4010:
    case 4011:
      return new ParkedError(
        'the bot is in too many servers',
        'Discord wants this bot to be sharded, which is not supported: use a bot that is in fewer than 2500 servers.',
        'valid',
      );
    case 4012:
      return new ParkedError(
        'Discord has retired this version of its API',
        'Update pi-gateway-tui to a release that speaks the current one.',
        'valid',
      );
    default:
      return undefined;
  }
}

/** What a failed login of discord.js means, where no retry can mend it. */
export function loginVerdict(error: unknown): ParkedError | undefined {
  if (error instanceof DiscordjsError && error.code === DiscordjsErrorCodes.TokenInvalid)
    return tokenRefused();
  if (error instanceof Error && /used (disallowed|invalid) intents/i.test(error.message))
    return intentMissing();
  if (error instanceof Error && error.message === 'Authentication failed') return tokenRefused();
  return undefined;
}
