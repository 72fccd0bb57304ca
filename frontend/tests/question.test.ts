// @vitest-environment jsdom
import { expect, it } from "vitest";
import { Question } from "../src/question";

function asked() {
  const errors: unknown[] = [];
  const element = document.createElement("div");
  const question = new Question({ fail: (error) => errors.push(error) }, element);
  return { question, errors, reading: () => element.hasAttribute("data-reading") };
}

/** An answer that comes when it is told to. */
function later<T>() {
  let come!: (answer: T) => void;
  let fail!: (error: unknown) => void;
  const answer = new Promise<T>((resolve, reject) => {
    come = resolve;
    fail = reject;
  });
  return { answer, come, fail };
}

it("takes the answer to its last question only, and is read until then", async () => {
  const { question, errors, reading } = asked();
  const [first, second] = [later<string>(), later<string>()];
  const taken: string[] = [];
  const signals: AbortSignal[] = [];
  const ask = ({ answer }: typeof first) =>
    question.ask(
      (signal) => {
        signals.push(signal);
        return answer;
      },
      (found) => taken.push(found),
    );
  const both = [ask(first), ask(second)];
  expect(signals.map((one) => one.aborted)).toEqual([true, false]);
  first.come("first");
  await both[0];
  expect(reading()).toBe(true);
  second.come("second");
  await both[1];
  expect(taken).toEqual(["second"]);
  expect(reading()).toBe(false);
  expect(errors).toEqual([]);
});

it("tells of a failure once, and not of what was dropped", async () => {
  const { question, errors, reading } = asked();
  const dropped = later<string>();
  const before = question.ask(
    () => dropped.answer,
    () => {},
  );
  question.drop();
  expect(reading()).toBe(false);
  dropped.fail(new Error("nobody waits for it"));
  await before;
  expect(errors).toEqual([]);
  await question.ask(
    () => Promise.reject(new Error("not there")),
    () => {},
  );
  expect(errors.map(String)).toEqual(["Error: not there"]);
  expect(reading()).toBe(false);
});
