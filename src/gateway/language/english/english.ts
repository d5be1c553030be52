/** The source of keys and values: every other language has exactly these. */
import { access } from './access.ts';
import { agent } from './agent.ts';
import { commands } from './commands.ts';
import { failures } from './failures.ts';
import { limits } from './limits.ts';
import { notices } from './notices.ts';
import { owner } from './owner.ts';
import { questions } from './questions.ts';
import { receive } from './receive.ts';
import { schedules } from './schedules.ts';
import { send } from './send.ts';
import { tasks } from './tasks.ts';
import { things } from './things.ts';
import { turns } from './turns.ts';

export const english = {
  ...access,
  ...agent,
  ...commands,
  ...failures,
  ...limits,
  ...notices,
  ...owner,
  ...questions,
  ...receive,
  ...schedules,
  ...send,
  ...tasks,
  ...things,
  ...turns,
} as const;
