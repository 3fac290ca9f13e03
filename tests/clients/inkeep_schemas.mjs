// Whether the official SDK's own schemas take answers: lines of [rule, answer] in, one line of true or false out for each.
import * as components from "@inkeep/inkeep-analytics/models/components";
import * as errors from "@inkeep/inkeep-analytics/models/errors";
import * as operations from "@inkeep/inkeep-analytics/models/operations";
import { createInterface } from "node:readline";

const schemas = {
  conversation: components.Conversation$inboundSchema,
  conversations: operations.GetAllConversationResponseBody$inboundSchema,
  feedback: operations.LogFeedbackResponseBody$inboundSchema,
  rated: operations.GetFeedbackByIdResponseBody$inboundSchema,
  "all feedback": components.GetAllFeedbackResponse$inboundSchema,
  event: components.SelectEvent$inboundSchema,
  deleted: operations.DeleteConversationResponseBody$inboundSchema,
  keys: components.PropertyKeysResponseBody$inboundSchema,
  values: components.PropertyValuesResponseBody$inboundSchema,
  searches: operations.TopSearchQueriesResponseBody$inboundSchema,
  weeks: operations.WeeklySearchUsersResponseBody$inboundSchema,
  "rows of conversations": components.QueryConversationsResponseBody$inboundSchema,
  "rows of events": components.QueryEventsResponseBody$inboundSchema,
  "rows of feedback": components.QueryFeedbackResponseBody$inboundSchema,
  "rows of semantic-threads": components.QuerySemanticThreadsResponseBody$inboundSchema,
  400: errors.BadRequest$inboundSchema,
  401: errors.Unauthorized$inboundSchema,
  403: errors.Forbidden$inboundSchema,
  404: errors.NotFound$inboundSchema,
  422: errors.UnprocessableEntity$inboundSchema,
  500: errors.InternalServerError$inboundSchema,
};

// what an error is parsed from has the response beside it
const exchange = { request$: new Request("http://localhost/"), response$: new Response(), body$: "" };

for await (const line of createInterface({ input: process.stdin })) {
  const [rule, answer] = JSON.parse(line);
  const given = rule > 0 && answer ? { ...answer, ...exchange } : answer;
  console.log(schemas[rule].safeParse(given).success);
}
