import { expect, it } from 'vitest';
import type { AgentQuestion } from '../../../src/gateway/agent/question.ts';
import { say } from '../../../src/gateway/language/chat-text.ts';
import { LANGUAGES, loadCatalogue } from '../../../src/gateway/language/languages.ts';
import { readAnswer } from '../../../src/gateway/questions/chat-answers.ts';

it('reads yes, no and the words of a choice as they were shown, in every language', async () => {
  await Promise.all(LANGUAGES.map((language) => loadCatalogue(language)));
  const confirm: AgentQuestion = { kind: 'confirm', title: 'Sure?' };
  for (const yes of ['Ja', 'oui!', 'sí', 'si', 'Sim', 'да', '是', 'はい。'])
    expect([yes, readAnswer(confirm, yes)]).toEqual([yes, { type: 'confirm', confirmed: true }]);
  for (const no of ['nein', 'Non.', 'Não', 'nao', 'нет', '否', 'いいえ'])
    expect([no, readAnswer(confirm, no)]).toEqual([no, { type: 'confirm', confirmed: false }]);
  expect(readAnswer(confirm, 'ja, aber erst morgen')).toBeUndefined();
  const resume: AgentQuestion = {
    kind: 'select',
    title: 'Continue?',
    options: ['Continue', 'Drop'],
    optionTexts: [say('resume.continue'), say('resume.drop')],
  };
  expect(readAnswer(resume, 'fortfahren')).toEqual({ type: 'value', value: 'Continue' });
  expect(readAnswer(resume, 'Descartar')).toEqual({ type: 'value', value: 'Drop' });
  // No word alone approves what runs, in any language.
  const approval: AgentQuestion = { kind: 'approval', title: 'Run?' };
  expect(readAnswer(approval, 'Ja')).toBe('unclear');
  expect(readAnswer(approval, 'nein')).toEqual({ type: 'approval', decision: 'deny' });
});
