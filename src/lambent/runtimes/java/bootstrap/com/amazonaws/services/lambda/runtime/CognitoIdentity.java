package com.amazonaws.services.lambda.runtime;

/** Who called, when a mobile SDK did. */
public interface CognitoIdentity {
    String getIdentityId();

    String getIdentityPoolId();
}
