import { isCodeBlock, type Run, type StyledText } from './styled.ts';

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
/** C0, DEL, C1 and the Unicode line separators, with the blanks around them. */
const BREAKS = /[ \t]*[\u0000-\u001f\u007f-\u009f\u2028\u2029][\s\u0000-\u001f\u007f-\u009f]*/g;

/** The document on one line: breaks become single spaces, blocks become text. */
export function onOneLine(doc: StyledText): StyledText {
  const runs: Run[] = [];
  const starts: number[] = [];
  let length = 0;
  let endsBlank = true;
  for (const run of doc.runs) {
    let line = CONTROL.test(run.text) ? run.text.replace(BREAKS, ' ') : run.text;
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
