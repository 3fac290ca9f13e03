// Calls of Inkeep's official SDK, each with what must come back; what does not is noted with its place, and told at the end.
import { InkeepAnalytics } from "@inkeep/inkeep-analytics";

const { ANALYTICS_URL: serverURL, API_KEY, WEB_KEY } = process.env;
export const api = { apiIntegrationKey: API_KEY };
export const web = { webIntegrationKey: WEB_KEY };
export const sdkWith = (apiIntegrationKey) =>
  new InkeepAnalytics({ serverURL, apiIntegrationKey, retryConfig: { strategy: "none" }, timeoutMs: 20_000 });
export const sdk = sdkWith(API_KEY);

const calls = {};
const wrong = [];

export function tell() {
  console.log(JSON.stringify({ calls, wrong }));
}

// What a call gives, which must have all that is expected: a value, a predicate, or an object of some of its keys.
export async function gives(operation, call, expected) {
  calls[operation] = (calls[operation] ?? 0) + 1;
  try {
    const answer = await call();
    wrong.push(...differences(answer, expected, `${operation} #${calls[operation]}`));
    return answer;
  } catch (error) {
    wrong.push(`${operation} #${calls[operation]}: ${error.constructor.name} ${error.message}`.slice(0, 600));
  }
}

// The SDK's own error of a status, with all of the problem's fields.
export async function refuses(operation, kind, status, call) {
  calls[operation] = (calls[operation] ?? 0) + 1;
  const at = `${operation} #${calls[operation]}`;
  try {
    await call();
    wrong.push(`${at}: no ${kind}`);
  } catch (error) {
    const told = {
      name: error.constructor.name,
      status: error.statusCode,
      code: error.code,
      message: error.error?.message ?? error.message,
    };
    const codes = {
      400: "bad_request",
      401: "unauthorized",
      403: "forbidden",
      404: "not_found",
      422: "unprocessable_entity",
    };
    wrong.push(...differences(told, { name: kind, status, code: codes[status], message: isText }, at));
  }
}

export const isText = (value) => typeof value === "string" && value.length > 0;
export const isMoment = (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
export const has = (length) => (value) => value.length === length;

function differences(actual, expected, at) {
  if (typeof expected === "function") return expected(actual) ? [] : [`${at}: ${shown(actual)} is not as it must be`];
  if (expected instanceof Date) return differences(actual?.getTime?.(), expected.getTime(), at);
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length)
      return [`${at}: ${shown(actual)} is no list of ${expected.length}`];
    return expected.flatMap((one, place) => differences(actual[place], one, `${at}[${place}]`));
  }
  if (expected !== null && typeof expected === "object") {
    if (actual === null || typeof actual !== "object") return [`${at}: ${shown(actual)} is no object`];
    return Object.entries(expected).flatMap(([key, one]) => differences(actual[key], one, `${at}.${key}`));
  }
  return Object.is(actual, expected) ? [] : [`${at}: ${shown(actual)} is not ${shown(expected)}`];
}

function shown(value) {
  return (JSON.stringify(value) ?? "nothing").slice(0, 300);
}
