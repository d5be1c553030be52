import stringWidth from 'string-width';
import { GatewayError } from '../base/errors.ts';
import type { DialogView } from '../gateway/model.ts';
import type { OperatorSnapshot } from '../gateway/operator/operator.ts';

/** Pairing codes have no "#", are longer than numbers, and are written in capitals. */
export function isQuestionName(name: string): boolean {
  return /^(#?\d{1,3}|q[2-7][a-z2-7]{6})$/.test(name);
}

/** The id of an open question by its number ("#4", "4") or id. */
export function questionId(snapshot: OperatorSnapshot, name: string): string {
  const number = /^#?(\d{1,3})$/.exec(name)?.[1];
  const found = (snapshot.dialogs ?? []).findLast((each) =>
    number === undefined ? each.id === name : each.number === Number(number),
  );
  if (found !== undefined) return found.id;
  throw new GatewayError('dialog_not_found', `no open question is called ${name}`, {
    status: 404,
    hint: 'pi-gateway-tui approvals lists them.',
  });
}

/** Every open question with all that would run: whoever approves it has to see it. */
export function printQuestions(rows: readonly DialogView[]): string {
  if (rows.length === 0) return 'No agent asks anything.';
  return rows
    .map((row) => {
      const left = Math.max(0, Math.round((row.expiresAt - Date.now()) / 60_000));
      const head = `#${row.number}  ${row.kind}  ${row.chat?.platform ?? ''}  ${row.requesterName ?? 'operator'}  ${left}m left`;
      const lines =
        row.call === undefined
          ? [row.title, row.text ?? '', ...(row.options ?? []).map((option, i) => `${i + 1}. ${option}`)]
          : [`${row.call.tool} – ${row.call.reason}`, row.call.arguments];
      const body = lines.filter((line) => line !== '').join('\n');
      return `${head}\n${'-'.repeat(Math.min(100, stringWidth(head)))}\n${body}`;
    })
    .join('\n\n');
}
