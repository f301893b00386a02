/** Words for what `using` calls: the same for every class, so that no class repeats them. */
import { Comment, Converter, ReflectionKind } from 'typedoc'

const WORDS = {
  '[dispose]': 'As `dispose`: called at the end of the scope of a `using` declaration.',
  '[asyncDispose]': 'As `dispose`: called and awaited at the end of the scope of an `await using` declaration.'
}

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, context => {
    for (const signature of context.project.getReflectionsByKind(ReflectionKind.CallSignature)) {
      const words = WORDS[signature.name]
      if (words !== undefined && !signature.hasComment()) signature.comment = new Comment([{ kind: 'text', text: words }])
    }
  })
}
