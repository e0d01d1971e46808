/* Sends black images to a served policy and prints its actions: eng_client_example <socket's path | port> [shared]. Ends with 1 where something fails. */
#include "eng_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const char* what, int32_t status) {
    fprintf(stderr, "%s: %d: %s\n", what, status, eng_client_last_error());
    return 1;
}

int main(int count, char** arguments) {
    if (count < 2) return fprintf(stderr, "usage: %s <socket's path | port> [shared]\n", arguments[0]), 2;
    eng_client_options options = {0};
    if (strspn(arguments[1], "0123456789") == strlen(arguments[1])) options.port = atoi(arguments[1]);
    else options.unix_path = arguments[1];
    options.shared_memory = count > 2 && strcmp(arguments[2], "shared") == 0;

    eng_client* client;
    int32_t status = eng_client_hello(&options, &client);
    if (status) return failed("hello", status);
    const eng_client_info* about = eng_client_about(client);
    printf("%d actions of %d at %g Hz\n", about->horizon, about->action_width, about->control_hz);
    status = eng_client_reset(client);
    if (!status) status = eng_client_instruction(client, "reach the red cube");
    for (int step = 0; step < 3 && !status; step++) {
        for (int32_t i = 0; i < about->cameras; i++) {
            eng_client_camera camera;
            eng_client_image(client, i, &camera);
            memset(camera.image, 0, (size_t)camera.height * (size_t)camera.width * 3);
        }
        float* state = eng_client_state(client);
        for (int32_t i = 0; i < about->state_width; i++) state[i] = (float)step + 0.25f;
        const float* actions;
        status = eng_client_step(client, UINT64_C(5000000000), &actions);
        if (!status) printf("step %d: %g\n", step, (double)actions[0]);
    }
    int result = status ? failed("step", status) : 0;
    eng_client_close(client);
    return result;
}
