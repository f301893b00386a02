export interface Step {
  readonly keyword: string
  readonly words: readonly string[]
  readonly flags: Readonly<Record<string, string>>
  /** Whatever stands behind the keyword. */
  readonly text: string
}

/** Instructions by stage, FROM first. */
export function stagesOf(file: string): Promise<Step[][]>
/** Files of the build's context: those that git knows, less what .dockerignore leaves out. */
export function contextFiles(root: string): Promise<string[]>
/** What a COPY of the context brings: sources and their places in the image. */
export function copied(files: readonly string[], words: readonly string[]): [string, string][]
export function buildImage(root: string, to: string, tell?: (text: string) => void): Promise<string>
