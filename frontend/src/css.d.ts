declare module "*.css" {
  const text: string;
  export default text;
}

/** The worker's program, put in by the build; absent in unit tests. */
declare const WORKER_CODE: string | undefined;
