import { GatewayError } from '../../base/errors.ts';
import type { Access } from '../access/access.ts';
import type { Actor } from '../access/audit.ts';
import type { Core } from '../core.ts';
import { ChatText, joined, SILENCE, say } from '../language/chat-text.ts';
import type { ChatRef, InboundMessage } from '../model.ts';
import type { Dialog } from '../questions/dialog.ts';
import { visible } from '../questions/dialog.ts';
import type { Dialogs } from '../questions/dialogs.ts';
import type { Notices } from './notices.ts';
import { judgeAct, type Owner, type OwnerRight } from './owners.ts';
import { answersOf, approvalKey, approvalNotice, pairingKey, shortOf } from './watcher.ts';

export interface OwnerCommandsDeps extends Pick<Core, 'decide' | 'clock' | 'known'> {
  readonly notices: Notices;
  readonly owners: () => readonly Owner[];
  readonly access: () => Access;
  readonly dialogs: Dialogs;
  readonly listed: (message: Pick<InboundMessage, 'chat' | 'sender'>) => boolean;
  /** Stops what runs in a session or task. False: nothing ran. */
  readonly stop: (sessionId: string) => Promise<boolean>;
  readonly running: () => readonly { readonly id: string; readonly title: string }[];
  readonly prefix: (chat: ChatRef) => string;
}

type Act = 'approve' | 'deny' | 'block' | 'stop' | 'show' | 'list';
const ACTS: readonly string[] = ['approve', 'deny', 'block', 'stop', 'show', 'list'] satisfies Act[];

const NOT_FOR_OWNERS = say('owner.notForOwners');

/** What the word names. */
type Meant =
  | { readonly about: 'pairing'; readonly id: string }
  | { readonly about: 'approval'; readonly id: string }
  | { readonly about: 'nothing'; readonly say: ChatText };

/**
 * `/owner …`: what owners press or type. It is an act of the operator with a right of its own, judged at the moment
 * when it is carried out, and audited under the id of the person.
 */
export class OwnerCommands {
  readonly #deps: OwnerCommandsDeps;

  constructor(deps: OwnerCommandsDeps) {
    this.#deps = deps;
  }

  /** The sentence that the chat reads; empty where the notice itself shows what became of it. */
  async run(args: string, message: InboundMessage): Promise<ChatText> {
    const [word = '', name = '', ...rest] = args.split(/\s+/).filter((each) => each !== '');
    const act = word === '' ? 'list' : word.toLowerCase();
    const judged = this.#judge(message, undefined);
    if (judged instanceof ChatText) return judged;
    if (!isAct(act) || rest.length > 0) return this.#usage(message.chat);
    if (act === 'list') return this.#list(message);
    if (act === 'stop' && name === 'all') return this.#stopAll(message);
    if (name === '') return this.#usage(message.chat);
    const meant = this.#named(name.toLowerCase());
    if (meant.about === 'nothing') return meant.say;
    if (act === 'show') return this.#show(meant, judged);
    return meant.about === 'pairing'
      ? this.#decidePairing(act, meant.id, message)
      : this.#decideApproval(act, meant.id, message);
  }

  #judge(message: InboundMessage, right: OwnerRight | undefined): Owner | ChatText {
    const { owners, listed, decide } = this.#deps;
    const judged = judgeAct({ owners: owners(), message, listed: listed(message), right });
    if (judged.allowed) return judged.owner;
    const { platform, chatId } = message.chat;
    decide({
      what: 'message',
      kind: 'refused',
      code: judged.code,
      reason: judged.reason,
      platform,
      chatId,
      senderId: message.sender.id,
    });
    return judged.say;
  }

  async #decidePairing(act: Act, id: string, message: InboundMessage): Promise<ChatText> {
    const owner = this.#judge(message, 'pair');
    if (owner instanceof ChatText) return owner;
    const { access } = this.#deps;
    const key = pairingKey(id);
    const actor = actorOf(message);
    switch (act) {
      case 'approve':
        return this.#settle(key, message, () => access().approve({ requestId: id }, actor));
      case 'deny':
        return this.#settle(key, message, () => access().deny({ requestId: id }, actor));
      case 'block':
        return this.#settle(key, message, () => access().blockRequest({ requestId: id }, actor));
      default:
        return say('owner.pairingActs');
    }
  }

  async #decideApproval(act: Act, id: string, message: InboundMessage): Promise<ChatText> {
    const owner = this.#judge(message, act === 'stop' ? 'stop' : 'approve');
    if (owner instanceof ChatText) return owner;
    const { dialogs, notices, prefix } = this.#deps;
    const key = approvalKey(id);
    const actor = actorOf(message);
    const dialog = dialogs.book.get(id);
    if (dialog === undefined) return this.#over(key);
    if (act === 'stop')
      return (await this.#stop(dialog.sessionId, actor)) ? say('command.stopped') : say('owner.nothingRan');
    const answers = answersOf(dialog.question);
    if (answers === undefined) return NOT_FOR_OWNERS;
    switch (act) {
      case 'approve': {
        const whole = notices.rows.get(key)?.notice.ask?.whole ?? true;
        if (!whole) return say('owner.tooLong');
        if (!notices.wasShown(key, owner))
          return say('owner.readFirst', { prefix: prefix(message.chat), id });
        return this.#settle(key, message, () => dialogs.answer(id, answers.approve, actor));
      }
      case 'deny':
        return this.#settle(key, message, () => dialogs.answer(id, answers.deny, actor));
      default:
        return say('owner.callActs');
    }
  }

  /** One decision counts: anyone who comes second is told of the first. */
  async #settle(key: string, message: InboundMessage, decide: () => Promise<unknown>): Promise<ChatText> {
    const { notices, known, clock } = this.#deps;
    try {
      await decide();
    } catch (error) {
      if (
        error instanceof GatewayError &&
        (error.code === 'request_not_found' || error.code === 'dialog_over')
      )
        return this.#over(key);
      throw error;
    }
    await notices.stored();
    const row = notices.rows.get(key);
    const { edit = false, editWindowMs = Number.POSITIVE_INFINITY } =
      known(message.chat.platform)?.capabilities ?? {};
    const pressed = message.replyTo !== undefined && edit && row !== undefined;
    // The message with the button shows it already.
    return pressed && clock() - row.at < editWindowMs
      ? SILENCE
      : row?.end === undefined
        ? say('owner.done')
        : row.end;
  }

  async #over(key: string): Promise<ChatText> {
    const { notices } = this.#deps;
    await notices.stored();
    const end = notices.rows.get(key)?.end;
    return end === undefined ? say('owner.over') : say('owner.decided', { end });
  }

  /** Pending first: what is over is only told. */
  #named(name: string): Meant {
    const { access, dialogs, notices } = this.#deps;
    const requests = access()
      .requests.list()
      .filter(({ id, kind }) => kind !== 'generated' && shortOf(id) === name);
    if (requests.length > 1) return { about: 'nothing', say: say('owner.severalNamed', { name }) };
    const [request] = requests;
    if (request !== undefined) return { about: 'pairing', id: request.id };
    if (dialogs.book.get(name) !== undefined || dialogs.book.closed(name) !== undefined)
      return { about: 'approval', id: name };
    const row = notices.rows.named(name);
    if (row?.notice.ask !== undefined) {
      const { about, id } = row.notice.ask;
      return { about: about === 'pairing' ? 'pairing' : 'approval', id };
    }
    return { about: 'nothing', say: say('owner.noneNamed', { name: visible(name).slice(0, 20) }) };
  }

  async #show(meant: Exclude<Meant, { about: 'nothing' }>, owner: Owner): Promise<ChatText> {
    const { notices, dialogs } = this.#deps;
    const key = meant.about === 'pairing' ? pairingKey(meant.id) : approvalKey(meant.id);
    const known = notices.rows.get(key);
    const dialog = dialogs.views().find(({ id }) => id === meant.id);
    const notice =
      known?.notice ??
      (dialog === undefined ? undefined : approvalNotice(dialog, dialogs.book.get(meant.id)));
    if (notice === undefined && dialog !== undefined) return NOT_FOR_OWNERS;
    if (notice === undefined || known?.end !== undefined) return this.#over(key);
    await notices.show(notice, owner);
    return SILENCE;
  }

  #list(message: InboundMessage): ChatText {
    const { access, dialogs, running } = this.#deps;
    const lines = [
      ...access()
        .requests.list()
        .filter(({ kind }) => kind !== 'generated')
        .map(({ id, platform, senderName, senderId }) =>
          say('owner.lineAccess', {
            id: shortOf(id),
            name: visible(senderName),
            platform,
            user: visible(senderId),
          }),
        ),
      ...dialogs
        .views()
        .filter(({ id }) => isDecidable(dialogs.book.get(id)))
        .map(({ id, number, call }) =>
          call === undefined
            ? say('owner.lineTurn', { id, number })
            : say('owner.lineCall', { id, number, tool: call.tool }),
        ),
      ...running().map(({ title }) =>
        say('owner.lineRunning', { title: visible(title).slice(0, 80).toWellFormed() }),
      ),
    ];
    if (lines.length === 0) return say('owner.nothing');
    return joined([...lines.slice(0, 40), this.#usage(message.chat)], '\n');
  }

  #usage(chat: ChatRef): ChatText {
    const owner = `${this.#deps.prefix(chat)}owner`;
    return say('owner.usage', { owner });
  }

  async #stopAll(message: InboundMessage): Promise<ChatText> {
    const owner = this.#judge(message, 'stop');
    if (owner instanceof ChatText) return owner;
    const actor = actorOf(message);
    const stopped = await Promise.all(this.#deps.running().map(({ id }) => this.#stop(id, actor)));
    const count = stopped.filter(Boolean).length;
    return count === 0 ? say('owner.nothingRan') : say('owner.stoppedAll', { n: count });
  }

  async #stop(sessionId: string, actor: Actor): Promise<boolean> {
    const stopped = await this.#deps.stop(sessionId);
    await this.#deps.access().audit.note(actor, 'session.stop', sessionId);
    return stopped;
  }
}

function actorOf({ chat, sender }: InboundMessage): Actor {
  return { name: `${chat.platform}:${sender.id}`, surface: 'owner' };
}

function isDecidable(dialog: Dialog | undefined): boolean {
  return dialog !== undefined && answersOf(dialog.question) !== undefined;
}

function isAct(word: string): word is Act {
  return ACTS.includes(word);
}
