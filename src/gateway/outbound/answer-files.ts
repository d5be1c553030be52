import { rm } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { Adapter, Part } from '../adapter.ts';
import type { Decide } from '../decisions.ts';
import type { ChatRef, Platform } from '../model.ts';
import type { OutboundRow } from './outbound-row.ts';
import type { Outbox } from './outbox.ts';
import { takeOutgoingFiles } from './outgoing-files.ts';

export interface AnswerFilesDeps {
  readonly outbox: Outbox;
  readonly adapter: (platform: Platform) => Adapter | undefined;
  /** The working folder of the agent that answers in this session. */
  readonly cwdOf: (chat: ChatRef, sessionId: string) => string;
  readonly dataFolder: string;
  /** One folder a session below it. */
  readonly filesFolder: string;
  readonly decide: Decide;
}

/** Told to the agent where files can be sent. The same for every session, so that sessions can share a host. */
export const FILES_PROMPT =
  'To send a file to the person you talk with, put it into your answer as an image, ![chart](chart.png), or as a ' +
  'link that says file:, [report](file:report.pdf). It has to lie in your working folder.';

/** The files that an answer brings along: parts that follow its text. */
export class AnswerFiles {
  readonly #deps: AnswerFilesDeps;

  constructor(deps: AnswerFilesDeps) {
    this.#deps = deps;
  }

  async of(
    markdown: string,
    chat: ChatRef,
    sessionId: string,
  ): Promise<{ readonly text: string; readonly parts: readonly Part[] }> {
    const { adapter, cwdOf, dataFolder, filesFolder, outbox, decide } = this.#deps;
    if (!adapter(chat.platform)?.capabilities.attachmentsOut) return { text: markdown, parts: [] };
    const answer = await takeOutgoingFiles(markdown, {
      cwd: cwdOf(chat, sessionId),
      dataFolder,
      sessionFolder: join(filesFolder, sessionId),
    });
    for (const reason of answer.refused)
      decide({
        what: 'message',
        kind: 'refused',
        code: 'file_not_sent',
        reason,
        platform: chat.platform,
        chatId: chat.chatId,
        sessionId,
      });
    const parts = answer.files.map(({ label, path, name, mimeType }): Part => {
      const [caption] = outbox.format(chat, label);
      return {
        text: caption?.text ?? label,
        plain: caption?.plain ?? label,
        attachment: { path, name, mimeType },
      };
    });
    return { text: answer.text, parts };
  }

  /** The copies have arrived; nobody needs them any more. */
  async delivered(row: OutboundRow): Promise<void> {
    const own = this.#deps.filesFolder + sep;
    const folders = row.parts
      .map(({ attachment }) => (attachment === undefined ? '' : dirname(attachment.path)))
      .filter((folder) => folder.startsWith(own) && dirname(folder).endsWith(`${sep}sent`));
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }
}
