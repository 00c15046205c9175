/** The error of arithmetic that has left the range of its numbers. */
import { NamedError } from '../shared/errors.ts';

/** Error for non-finite logits. */
export function notFinite(): NamedError {
  return new NamedError(
    'NumericCheckError',
    "The model's logits are not finite: its numbers have left the range of this device's arithmetic. Convert the checkpoint with dtype q4, " +
      'which computes in 32 bits, or ask about another picture.',
  );
}
