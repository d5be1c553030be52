/** The image and the composition in `deploy/`: read, not built. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readArguments } from '../src/cli/views.ts';
import { checkConfig } from '../src/gateway/config/load.ts';

const DEPLOY = join(import.meta.dirname, '..', 'deploy');
const read = (name: string): string => readFileSync(join(DEPLOY, name), 'utf8');

type Yaml = string | null | Yaml[] | { [key: string]: Yaml };

/** As much of YAML as compose.yaml has: maps, lists of scalars, scalars and lists in brackets. Throws for anything else. */
function yaml(text: string): Yaml {
  const lines = text
    .split('\n')
    .map((line, i) => ({ at: i + 1, indent: line.search(/\S/), text: line.trim() }))
    .filter(({ text }) => text !== '' && !text.startsWith('#'));
  let next = 0;
  const scalar = (value: string): Yaml => {
    if (value.startsWith('[')) return JSON.parse(value) as Yaml;
    return value.startsWith('"') ? (JSON.parse(value) as string) : value;
  };
  const block = (indent: number): Yaml => {
    const list: Yaml[] = [];
    const map: { [key: string]: Yaml } = {};
    for (let line = lines[next]; line !== undefined && line.indent === indent; line = lines[next]) {
      next += 1;
      const item = /^- (.+)$/u.exec(line.text)?.[1];
      const [, key, value] = /^([\w-]+):(?: (.+))?$/u.exec(line.text) ?? [];
      if (item !== undefined) list.push(scalar(item));
      else if (key !== undefined) {
        if (key in map) throw new Error(`line ${line.at}: ${key} is there twice`);
        const below = lines[next];
        map[key] =
          value !== undefined
            ? scalar(value)
            : below !== undefined && below.indent > indent
              ? block(below.indent)
              : null;
      } else throw new Error(`line ${line.at} is not understood: ${line.text}`);
    }
    const after = lines[next];
    if (after !== undefined && after.indent > indent) throw new Error(`line ${after.at} is indented too far`);
    return list.length > 0 ? list : map;
  };
  const found = block(0);
  if (next < lines.length) throw new Error(`line ${lines[next]?.at} is not understood`);
  return found;
}

const at = (value: Yaml | undefined, ...path: string[]): Yaml | undefined =>
  path.reduce<Yaml | undefined>(
    (found, key) =>
      found !== null && typeof found === 'object' && !Array.isArray(found) ? found[key] : undefined,
    value,
  );
const strings = (value: Yaml | undefined): string[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];

describe('the image', () => {
  const lines = read('Dockerfile')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => !line.startsWith('#'));
  const of = (word: string): string[] =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1).trim());

  it('is made of pinned versions, runs as a user without rights, and says how it is', () => {
    const args = new Map(of('ARG').map((line) => line.split('=') as [string, string]));
    for (const from of of('FROM'))
      expect(from.replace(/\$\{(\w+)\}/gu, (_, name: string) => args.get(name) ?? '')).toMatch(
        /^node:\d+\.\d+\.\d+-\w+/u,
      );
    expect(args.get('PI_VERSION')).toMatch(/^\d+\.\d+\.\d+$/u);
    expect(of('USER').at(-1)).toBe('node');
    expect(lines.findIndex((line) => line.startsWith('USER '))).toBeLessThan(
      lines.findIndex((line) => line.startsWith('ENTRYPOINT ')),
    );
    expect(of('HEALTHCHECK')[0]).toContain('/healthz');
    expect(of('ADD')).toEqual([]);
  });

  it('copies files that there are, and starts the program with words that it knows', () => {
    const root = join(DEPLOY, '..');
    for (const copy of of('COPY').filter((each) => !each.startsWith('--from')))
      for (const file of copy.split(' ').slice(0, -1)) expect(existsSync(join(root, file)), file).toBe(true);
    for (const file of read('Dockerfile.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!')))
      expect(existsSync(join(root, file.slice(1))), file).toBe(true);
    const command = JSON.parse(of('ENTRYPOINT')[0] ?? '[]') as string[];
    expect(command.slice(0, 3)).toEqual(['tini', '--', 'pi-gateway-tui']);
    expect(readArguments(command.slice(3))).toMatchObject({ noTui: true, fallBack: true, host: '0.0.0.0' });
  });
});

describe('the composition', () => {
  const compose = yaml(read('compose.yaml'));
  const gateways = ['gateway-a', 'gateway-b'];

  it('runs PostgreSQL and two gateways that have the same configuration and directories of their own', () => {
    expect(at(compose, 'services', 'postgres', 'image')).toMatch(/^postgres:\d+\.\d+-\w+$/u);
    expect(at(compose, 'services', 'postgres', 'healthcheck', 'test')).toBeDefined();
    const declared = Object.keys(Object(at(compose, 'volumes')));
    const used = new Set<string>();
    for (const name of ['postgres', ...gateways])
      for (const volume of strings(at(compose, 'services', name, 'volumes'))) {
        const [source = ''] = volume.split(':');
        if (source.startsWith('.')) expect(existsSync(join(DEPLOY, source)), source).toBe(true);
        else used.add(source);
      }
    expect([...used].sort()).toEqual(declared.sort());
    const mounts = gateways.map((name) => strings(at(compose, 'services', name, 'volumes')));
    expect(mounts[0]?.filter((each) => !mounts[1]?.includes(each))).toEqual(['data-a:/data']);
    expect(mounts[1]).toContain('./config.json:/data/gateway/config.json:ro');
    expect(new Set(gateways.flatMap((name) => strings(at(compose, 'services', name, 'ports')))).size).toBe(2);
  });

  it('starts the second one as a standby', () => {
    const command = strings(at(compose, 'services', 'gateway-b', 'command'));
    expect(readArguments(command)).toMatchObject({ standby: true });
  });

  it('opens ports on this machine alone, and gives the gateways no rights that they do not need', () => {
    for (const name of gateways) {
      const service = at(compose, 'services', name);
      for (const port of strings(at(service, 'ports'))) expect(port).toMatch(/^127\.0\.0\.1:/u);
      expect(strings(at(service, 'cap_drop'))).toEqual(['ALL']);
      expect(strings(at(service, 'security_opt'))).toEqual(['no-new-privileges:true']);
      expect(at(service, 'depends_on', 'postgres', 'condition')).toBe('service_healthy');
      expect(at(service, 'privileged')).toBeUndefined();
    }
    expect(at(compose, 'services', 'postgres', 'ports')).toBeUndefined();
  });

  it('takes every secret from a file that is not committed', () => {
    const names = [...read('example.env').matchAll(/^(\w+)=/gmu)].map(([, name = '']) => name);
    for (const [, name = ''] of [
      ...read('compose.yaml').matchAll(/\$\{(\w+)/gu),
      ...read('config.json').matchAll(/\$(\w+)/gu),
    ])
      expect(names, name).toContain(name);
    expect(readFileSync(join(DEPLOY, '..', '.gitignore'), 'utf8')).toMatch(/^(?:deploy\/)?\.env$/mu);
    const { config, warnings } = checkConfig(JSON.parse(read('config.json')), 'deploy/config.json');
    expect(config.tokens).toEqual(['$GATEWAY_TOKEN']);
    expect(warnings).toEqual([]);
    expect(config.store?.url).toBe('$STORE_URL');
  });
});
