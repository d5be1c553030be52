import type { Sender } from '../../gateway/model.ts';
import { type Fields, fieldsOf, listOf, textOf } from './fields.ts';
import type { Names } from './mrkdwn.ts';

/** Who the bot is, from `auth.test`. */
export interface SlackIdentity {
  readonly teamId: string;
  readonly teamName: string;
  readonly userId: string;
  readonly botId: string | undefined;
  readonly name: string;
  /** The organization of the workspace (Enterprise Grid); its other workspaces are ours as well. */
  readonly enterpriseId?: string;
}

/** What a payload tells about where a person belongs. */
export interface Origin {
  /** The person's workspace or organization, the field that says it best first. */
  readonly teams: readonly (string | undefined)[];
  /** Workspaces, each with the organization that the payload names for it. */
  readonly organizations: readonly (readonly [team: string | undefined, enterprise: string | undefined])[];
}

/**
 * A person is `<organization or workspace>:<user>`. Slack's payloads name one person by several of the workspaces of an
 * organization; all of those are the same person. People of other organizations (Slack Connect) are not ours, whatever
 * channel they share with us.
 */
export function person(
  { teams, organizations }: Origin,
  user: string,
  name: string,
  me: SlackIdentity,
  names: Names,
): Sender {
  const team = teams.find((each) => each !== undefined) ?? me.teamId;
  const organization = me.enterpriseId ?? organizations.find(([workspace]) => workspace === me.teamId)?.[1];
  const ours =
    team === me.teamId ||
    (organization !== undefined &&
      (team === organization ||
        organizations.some(([workspace, owner]) => workspace === team && owner === organization) ||
        names.ours?.(user) === true));
  if (!ours) return { id: `${team}:${user}`, name };
  const id = `${me.enterpriseId ?? me.teamId}:${user}`;
  // The member id that Slack shows people, and the id as single workspaces know it.
  const aliases = new Set([user, `${me.teamId}:${user}`, `${team}:${user}`]);
  aliases.delete(id);
  return { id, aliases: [...aliases], name };
}

/** Of a message in an event. */
export function originOfMessage(payload: Fields, message: Fields, me: SlackIdentity): Origin {
  const team =
    textOf(message, 'user_team') ??
    textOf(message, 'source_team') ??
    textOf(fieldsOf(message['user_profile']), 'team') ??
    textOf(message, 'team') ??
    textOf(payload, 'team_id');
  const channel = textOf(fieldsOf(payload['event']), 'channel') ?? '';
  // A channel that is shared with no one has only people of the own organization in it.
  const among = payload['is_ext_shared_channel'] === false && !channel.startsWith('D');
  return {
    teams: [team],
    organizations: [
      [textOf(payload, 'context_team_id'), textOf(payload, 'context_enterprise_id')],
      ...listOf(payload, 'authorizations').map(
        (each) => [textOf(each, 'team_id'), textOf(each, 'enterprise_id')] as const,
      ),
      ...(payload['is_ext_shared_channel'] === true
        ? []
        : [[textOf(payload, 'team_id'), textOf(payload, 'enterprise_id')] as const]),
      ...(among ? [[team, me.enterpriseId] as const] : []),
    ],
  };
}

/** Of a slash command. */
export function originOfCommand(command: Fields): Origin {
  const team = textOf(command, 'team_id');
  const enterprise = textOf(command, 'enterprise_id');
  return { teams: [team, enterprise], organizations: [[team, enterprise]] };
}

/** Of a press of a button. `team` and `enterprise` are those of the app's installation; the person has their own. */
export function originOfPress(press: Fields): Origin {
  const user = fieldsOf(press['user']);
  const team = fieldsOf(press['team']);
  const enterprise = textOf(fieldsOf(press['enterprise']), 'id');
  return {
    teams: [textOf(user, 'team_id'), textOf(user, 'enterprise_id'), textOf(team, 'id'), enterprise],
    organizations: [
      [textOf(user, 'team_id'), textOf(user, 'enterprise_id')],
      [textOf(team, 'id'), textOf(team, 'enterprise_id') ?? enterprise],
    ],
  };
}
