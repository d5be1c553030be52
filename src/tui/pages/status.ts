/** The facts of the status page, as rows of a table. */
import type { AdapterView } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import { stateWord } from '../lists/adapters.ts';
import type { Scene } from '../screen/scene.ts';
import { isOpenTask } from '../state/orders.ts';

export interface StatusRow {
  readonly name: string;
  readonly value: string;
}

function adapterState(row: AdapterView): string {
  const word = stateWord(row.state);
  return row.detail.startsWith(word) ? row.detail : `${word}, ${row.detail}`;
}

export function statusRows({ controller, ticker }: Scene): StatusRow[] {
  const {
    gateway,
    link,
    adapters,
    sessions,
    tasks,
    pairing,
    dialogs,
    allowlist,
    refusals,
    outbox,
    schedules,
    traffic,
    events,
  } = controller.slices;
  const { agent } = gateway;
  const row = (name: string, value: string | number): StatusRow => ({
    name,
    value: clean(String(value), 200),
  });
  const working = sessions.filter((entry) => entry.state === 'running').length;
  return [
    row('Gateway', `${gateway.state}, version ${gateway.version}${gateway.demo ? ', demo' : ''}`),
    row('Listens on', `${gateway.host}:${gateway.port}`),
    row(
      'Connection',
      link.kind === 'local'
        ? 'same process'
        : `${link.url ?? ''} ${link.connected ? 'connected' : 'NO ANSWER'}`,
    ),
    row('Up', ticker.uptime(gateway.startedAt)),
    row('Data directory', gateway.dataDir),
    row('Agent', `${agent.backend}, ${agent.running} of ${agent.maxConcurrent} running: ${agent.detail}`),
    ...(agent.hint === undefined ? [] : [row('Next step', agent.hint)]),
    ...(agent.hosts ?? []).map((host) =>
      row(
        `Host ${host.name}`,
        `${host.state}, ${host.running} of ${host.maxConcurrent} running: ${host.hint ?? host.detail}`,
      ),
    ),
    row('Clients', gateway.clients),
    ...adapters.map((entry) =>
      row(entry.platform, `${adapterState(entry)}, ${entry.received} in, ${entry.sent} out`),
    ),
    row('Sessions', `${sessions.length}, ${working} running`),
    row('Tasks', `${tasks.filter(isOpenTask).length} open of ${tasks.length}`),
    row('Pairing', `${pairing.length} waiting, ${gateway.turnedAway} rejected`),
    row('Questions', dialogs.length),
    row('Allowlist', allowlist.length),
    row('Rejected', refusals.length),
    row('Schedules', schedules.filter(({ state }) => state === 'active').length),
    row('Outbox', outbox.length),
    row(
      'Messages',
      `${traffic.in} in, ${traffic.out} out since the console opened; ${traffic.perMinute} a minute`,
    ),
    row('Events', events),
    ...gateway.badges.map((badge) => row('WARNING', badge)),
  ];
}
