package com.amazonaws.services.lambda.runtime;

/** A function of an event that is one JSON value, and of its context. */
public interface RequestHandler<I, O> {
    O handleRequest(I input, Context context);
}
