/** One line of a session's transcript. */
export interface TranscriptEntry {
  readonly at: number;
  readonly role: 'user' | 'agent' | 'operator' | 'notice' | 'tool';
  readonly text: string;
  /** Of a person's message: its id, and who wrote it. Of a tool call: the tool. */
  readonly id?: string;
  readonly name?: string;
  /** What became of a person's message; absent where that is not known. */
  readonly mark?: MessageMark;
  /** This line is the outcome of that message. */
  readonly settles?: { readonly id: string; readonly mark: MessageMark };
}

export type MessageMark =
  | 'queued'
  | 'running'
  | 'offered'
  | 'answered'
  | 'joined'
  | 'dropped'
  | 'stopped'
  | 'interrupted'
  | 'timed_out'
  | 'failed';
