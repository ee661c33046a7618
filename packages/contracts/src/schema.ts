import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { ErrorIssue } from './error.js';

/** Any schema of a library that implements Standard Schema: zod, valibot, arktype and others. https://standardschema.dev */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>;

/** What the publisher gives: the schema's input. */
export type SchemaInput<S extends Schema> = StandardSchemaV1.InferInput<S>;

/** What the handler gets: the schema's output. */
export type SchemaOutput<S extends Schema> = StandardSchemaV1.InferOutput<S>;

/** What a schema said of a value. */
export type Validation<Output = unknown> =
  | { readonly valid: true; readonly value: Output }
  | { readonly valid: false; readonly issues: readonly ErrorIssue[] };

/** Asks a schema. Answers at once when the schema does, and never throws: a schema that throws refuses. */
export function validate<S extends Schema>(
  schema: S,
  value: unknown,
): Validation<SchemaOutput<S>> | Promise<Validation<SchemaOutput<S>>> {
  try {
    const result = schema['~standard'].validate(value);
    // Not `instanceof`: a promise of another realm, or a library's own, is one too.
    return 'then' in result
      ? Promise.resolve(result)
          .then(toValidation<S>)
          .catch(refused)
      : toValidation<S>(result);
  } catch (error) {
    return refused(error);
  }
}

function toValidation<S extends Schema>(result: StandardSchemaV1.Result<unknown>): Validation<SchemaOutput<S>> {
  if (result.issues === undefined) return { valid: true, value: result.value as SchemaOutput<S> };
  return { valid: false, issues: result.issues.map(toIssue) };
}

function toIssue({ message, path }: StandardSchemaV1.Issue): ErrorIssue {
  if (path === undefined || path.length === 0) return { message };
  return { message, path: path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.') };
}

// What was thrown may quote the payload, and issues are logged: only its class is told.
const refused = (error: unknown): Validation<never> => ({
  valid: false,
  issues: [{ message: `the schema threw ${error instanceof Error ? error.name : typeof error}` }],
});
