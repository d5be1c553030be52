/** What one row of the operations table is. Everything that an operator can do stands in exactly one row. */
import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox';
import type { Actor } from '../../access/audit.ts';
import type { ConfigAccess } from '../../config/access.ts';
import type { Gateway } from '../../gateway.ts';
import { PLATFORMS } from '../../model.ts';
import type { CommandResult } from '../operator.ts';
import type { Words } from './words.ts';

/** What operations work on. */
export interface OperatorCore {
  readonly gateway: Gateway;
  readonly config: ConfigAccess;
  /** Replaces the operator token in the data directory and in force. */
  readonly rotateToken: () => void;
  /** Absent while no gateway is running. */
  readonly metrics?: () => Promise<string>;
  /** Begins the clean stop; after `restart` the gateway comes up again with its configuration read again. */
  readonly requestStop: (then: 'stop' | 'restart') => void;
}

/** Lists that come in are only read. */
export type Frozen<T> = {
  readonly [K in keyof T]: T[K] extends (infer E)[] | undefined ? readonly E[] | Exclude<T[K], E[]> : T[K];
};

type Params<P extends TProperties> = Frozen<Static<TObject<P>>>;

export interface OperationRow<N extends string = string, P extends TProperties = TProperties> {
  /** Its name on the operator link, in the API and in the audit. */
  readonly name: N;
  /** What it does, as a phrase that an act begins: "cancel a task". */
  readonly help: string;
  /** One schema for every way in; unknown keys are refused. */
  readonly params: P;
  /**
   * The subject of its line in the audit: what was acted on, never what was said. Absent: nothing changes, or what
   * carries it out writes the line itself.
   */
  audit?(params: Params<P>): string;
  /** `POST /api/tasks/:id/cancel`; what the path does not name is the JSON body. */
  readonly http?: `${'POST' | 'DELETE'} /api/${string}`;
  /** The body as an error shows it, where the names of its keys do not say enough. */
  readonly expects?: string;
  /** Nothing changes: it only looks. */
  readonly looks?: true;
  /** How people type it. */
  readonly words?: readonly Words[];
  /** Throws when it cannot be done now: nothing is noted in the audit then. */
  check?(core: OperatorCore): Promise<void>;
  /** Nothing can be written afterwards: the audit's line comes first. */
  readonly ends?: true;
  run(core: OperatorCore, params: Params<P>, actor: Actor): CommandResult | Promise<CommandResult>;
}

export interface Operation<N extends string = string, P extends TProperties = TProperties>
  extends OperationRow<N, P> {
  /** `{type, ...params}` as it comes over the operator link. */
  readonly schema: TSchema;
}

export const strict = { additionalProperties: false } as const;

export function operation<const N extends string, P extends TProperties>(
  row: OperationRow<N, P>,
): Operation<N, P> {
  return { ...row, schema: Type.Object({ type: Type.Literal(row.name), ...row.params }, strict) };
}

/** The body of an operation's route: what its path does not name. */
export function bodyOf({ params, http = 'POST /api/', expects }: OperationRow): {
  readonly schema: TSchema;
  readonly what: string;
} {
  const body = Object.fromEntries(Object.entries(params).filter(([key]) => !http.includes(`:${key}`)));
  const keys = Object.entries(body).map(([key, schema]) => `"${key}"${Type.IsOptional(schema) ? '?' : ''}`);
  return { schema: Type.Object(body, strict), what: expects ?? `{${keys.join(', ')}}` };
}

/** Building blocks of what comes in. */
export const PlatformName = Type.Enum([...PLATFORMS]);
export const Id = Type.String({ minLength: 1, maxLength: 512 });
export const Text = Type.String({ minLength: 1, maxLength: 200_000 });
/** Where results go, as people write it. */
export const Targets = Type.String({ maxLength: 2000 });
