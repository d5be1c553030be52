import type { OperatorCommand } from './operator.ts';

/**
 * What the audit says of a command that no other part notes by itself. Undefined for those (who is let in, questions),
 * for looking, for a terminal's sign of life, and for `send`, which programs use for every answer: the transcript and the
 * outbox show it. Names what was acted on, never what was said.
 */
export function auditNote(
  command: OperatorCommand,
): { readonly action: string; readonly subject: string } | undefined {
  const subject = subjectOf(command);
  return subject === undefined ? undefined : { action: command.type, subject };
}

function subjectOf(command: OperatorCommand): string | undefined {
  switch (command.type) {
    case 'session.reset':
    case 'session.reopen':
    case 'session.stop':
    case 'session.pause':
    case 'session.resume':
    case 'session.lend':
    case 'session.handBack':
    case 'session.write':
    case 'task.retry':
    case 'task.cancel':
    case 'task.deliver':
    case 'schedule.pause':
    case 'schedule.resume':
    case 'schedule.remove':
    case 'schedule.run':
    case 'outbox.retry':
    case 'outbox.abandon':
      return command.id;
    case 'queue.drop':
    case 'queue.restore':
    case 'queue.up':
      return `${command.sessionId} ${command.messageId}`;
    case 'task.start':
      return command.argv === undefined ? 'a prompt' : `program ${command.argv[0] ?? ''}`;
    case 'schedule.add':
      return command.every ?? command.cron ?? command.at ?? '';
    case 'schedule.write':
      return 'a schedule';
    case 'home.set':
      return `${command.platform} ${command.chat ?? 'none'}`;
    case 'adapter.start':
    case 'adapter.stop':
    case 'adapter.restart':
      return command.platform;
    case 'config.set':
      return command.key;
    case 'token.rotate':
      return 'operator token';
    case 'restart':
    case 'stop':
      return 'gateway';
    default:
      return undefined;
  }
}
