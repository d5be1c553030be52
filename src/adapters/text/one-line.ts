import type { Run, StyledText } from './styled.ts';

/** C0, DEL, C1 and the Unicode line separators, with the blanks around them. */
const BREAKS = /[ \t]*[\u0000-\u001f\u007f-\u009f\u2028\u2029][\s\u0000-\u001f\u007f-\u009f]*/g;

/** The document on one line: breaks become single spaces, blocks become text. */
export function onOneLine(doc: StyledText): StyledText {
  const runs: Run[] = [];
  const starts: number[] = [];
  let text = '';
  for (const run of doc.runs) {
    let line = run.text.replace(BREAKS, ' ');
    if (text.endsWith(' ')) line = line.trimStart();
    if (line === '') continue;
    starts.push(text.length);
    runs.push({ text: line, marks: run.marks.filter(({ type }) => type !== 'pre'), raw: run.raw });
    text += line;
  }
  return { runs, starts, text, breaks: [], keeps: new Set() };
}
