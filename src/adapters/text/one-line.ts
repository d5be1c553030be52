import { isCodeBlock, type Run, type StyledText } from './styled.ts';

/** White space of every kind, C0, DEL and C1. */
const BREAKS = /[\s\u0000-\u001f\u007f-\u009f]+/g;

/** The document on one line: breaks become single spaces, blocks become text. */
export function onOneLine(doc: StyledText): StyledText {
  const runs: Run[] = [];
  const starts: number[] = [];
  let length = 0;
  let endsBlank = true;
  for (const run of doc.runs) {
    let line = run.text.replace(BREAKS, ' ');
    if (endsBlank) line = line.trimStart();
    if (line === '') continue;
    starts.push(length);
    const marks = isCodeBlock(run) ? run.marks.slice(0, -1) : run.marks;
    runs.push({ text: line, marks, raw: run.raw });
    length += line.length;
    endsBlank = line.endsWith(' ');
  }
  return { runs, starts, text: runs.map((run) => run.text).join(''), breaks: [], keeps: new Set() };
}
