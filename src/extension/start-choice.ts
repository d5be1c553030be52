/** What can be done when `/gateway start` finds another gateway, or its port taken. */

import { GatewayError } from '../base/errors.ts';
import { answersAsGateway, urlOf } from '../cli/runtime-file.ts';
import { loadConfig } from '../gateway/config/load.ts';
import { resolveSettings } from '../gateway/config/settings.ts';
import { knowsToken } from '../server/link-connection.ts';
import type { DataFolder } from '../store/data-folder.ts';

/** Puts a choice to the operator; undefined: none was made. */
export type Ask = (title: string, options: readonly string[]) => Promise<string | undefined>;

export const ATTACH = 'Attach to it';
export const STOP = 'Stop it and start here';
export const OTHER_PORT = 'Other port: start here on a free one';
/** One gateway for one data directory. */
export const OTHER_PORT_TOO = 'Other port: stop it and start here on a free one';
export const CANCEL = 'Cancel';

export function alreadyRuns(where: string, here: boolean): string {
  const said = `A gateway is already running on ${where}.`;
  return here
    ? said
    : `${said} Every /gateway command acts on it. To run it here instead: /gateway stop, then /gateway start.`;
}

export interface PortHolder {
  readonly url: string;
  /** A sentence without its period. */
  readonly words: string;
  /** What the gateway there has proved to know. */
  readonly token: string | undefined;
}

/** Who has the port that was wanted. */
export async function portHolder(
  folder: DataFolder,
  wanted: number | undefined,
  env: NodeJS.ProcessEnv,
): Promise<PortHolder> {
  const flags = wanted === undefined ? {} : { port: wanted };
  const { host, port } = resolveSettings(loadConfig(folder.config).config, flags, env, process.cwd());
  const url = urlOf(host, port);
  if (!(await answersAsGateway(url)))
    return { url, words: `Another program uses port ${port}`, token: undefined };
  const token = env['PI_GATEWAY_TOKEN'];
  return {
    url,
    words: `A gateway of another data directory uses port ${port}`,
    token: token !== undefined && (await knowsToken(url, token)) ? token : undefined,
  };
}

export function portTaken(cause: GatewayError, { words }: PortHolder): GatewayError {
  return new GatewayError('port_in_use', words, {
    status: 409,
    hint: 'Choose another port: /gateway start <port>. To act on a gateway of another data directory, start pi with its PI_GATEWAY_HOME.',
    cause,
  });
}
